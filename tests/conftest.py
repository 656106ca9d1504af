"""For all tests."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tsexpand import cores
from tsexpand.codecs.scheduling import threads


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled code of the user who runs the tests is neither used nor touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSEXPAND_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def no_quota() -> Iterator[None]:
    """There is time for as many cores as a test says, wherever it runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "cpu_quota", lambda: math.inf)
        yield


@pytest.fixture(autouse=True)
def ordinary() -> Iterator[None]:
    """What a test encodes by SVT-AV1 itself makes no later one wait, as real-time threads of root would."""
    yield
    if sys.platform == "linux":
        for thread in threads():
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))

"""For all tests."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled code of the user who runs the tests is neither used nor touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TSEXPAND_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield

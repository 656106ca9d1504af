"""Threads stay as urgent as they were, whatever a library makes of them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def threads() -> set[int]:
    """Those of this process, on Linux, by their system's numbers."""
    return {int(path.name) for path in Path("/proc/self/task").iterdir()}


@contextmanager
def ordinary_threads() -> Iterator[None]:
    """Takes back what is made real-time within it: this thread, and those that began meanwhile.

    SVT-AV1 does that where root runs it, with the highest priority (SCHED_FIFO, 99): what this thread begins later
    inherits it, and all other threads of the machine wait.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    before = threads()
    try:
        yield
    finally:
        for thread in (0, *(threads() - before)):
            with suppress(OSError):  # it has ended
                os.sched_setscheduler(thread, policy, parameters)

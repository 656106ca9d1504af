"""Memory that was freed stays with the process that soon needs it again."""

import ctypes
import os
import sys

_KEPT = 64 << 20
"""Bytes at the end of a heap that stay there when they are freed, at most."""

_MAPPED = 32 << 20
"""Bytes of blocks that come from the system and go back to it at once, at least; malloc.h allows no more."""

_CORES_AN_ARENA = 4
"""Threads that wait for one another where they ask for memory at once; two cores lost no time by it, as measured."""

_TUNABLES = "GLIBC_TUNABLES"
"""Of the environment: by this a user says all that is done with memory."""


def keep_freed_memory(cores: int) -> None:
    """Has glibc keep what is freed, within bounds, for the whole process, and for whichever thread needs it.

    Else it gives what a tile of the network needed back to the system after every few layers, and gets it anew, page by
    page and cleared: a tenth of the time of small clips. It finds these bounds by itself where blocks of 32 MB are
    freed, as in large clips, so that they take no more memory. And it has up to eight arenas a core, and a thread finds
    what was freed in its own only: of large pictures, that keeps hundreds of MB from use. Arenas that there are stay,
    and so it is to be called before there are threads. What the user has chosen stays, too; and there is nothing to do
    where there is another C library.

    Args:
        cores: that threads work on.
    """
    if sys.platform != "linux" or _TUNABLES in os.environ:
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for number, variable, value in (
        (-1, "MALLOC_TRIM_THRESHOLD_", _KEPT),  # numbers of malloc.h
        (-3, "MALLOC_MMAP_THRESHOLD_", _MAPPED),
        (-8, "MALLOC_ARENA_MAX", max(1, cores // _CORES_AN_ARENA)),
    ):
        if variable not in os.environ:
            mallopt(number, value)

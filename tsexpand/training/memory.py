"""How much memory scenes may take."""

import os

from ..control_groups import memory_limit

_SHARE = 0.5
"""Of the memory; the rest is for the network, its activations and the samples."""

_UNKNOWN = 16 << 30
"""Bytes taken for the memory of a system that does not say (Windows)."""


def room_for_scenes(processes: int) -> int:
    """Bytes of scenes that each of so many processes on this machine may hold, all together half of its memory."""
    return int(_SHARE * min(_machine(), memory_limit())) // processes


def _machine() -> int:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return _UNKNOWN
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

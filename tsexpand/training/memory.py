"""How much memory scenes may take."""

import os
from pathlib import Path

_SHARE = 0.5
"""Of the memory; the rest is for the network, its activations and the samples."""

_UNKNOWN = 16 << 30
"""Bytes taken for the memory of a system that does not say (Windows)."""

_CONTAINER = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Linux, control groups of version 2 and 1: bytes that the processes of a container may use, or "max"."""


def room_for_scenes(processes: int) -> int:
    """Bytes of scenes that each of so many processes on this machine may hold, all together half of its memory."""
    return int(_SHARE * min(_machine(), _container())) // processes


def _machine() -> int:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return _UNKNOWN
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _container() -> float:
    limits = (float(path.read_text().replace("max", "inf")) for path in _CONTAINER if path.is_file())
    return min(limits, default=float("inf"))

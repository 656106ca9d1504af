"""What a container, or another control group of Linux, leaves to this process of the machine's cores and memory.

A process in a container sees all cores and all memory of its host. It may run on any core; what is limited is its time.

Reference:
    Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max, memory.max), and of version 1
    Documentation/scheduler/sched-bwc.rst (cpu.cfs_quota_us), cgroup-v1/memory.rst (memory.limit_in_bytes).
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OWN = Path("/proc/self/cgroup")
_MOUNTED = Path("/sys/fs/cgroup")


def cpu_quota() -> float:
    """Seconds of a core in a second: the least of this process's group and those around it; infinite for none."""
    return min(map(_quota_of, _groups("cpu")), default=math.inf)


def memory_limit() -> float:
    """Bytes of memory, likewise."""
    return min(map(_limit_of, _groups("memory")), default=math.inf)


def _groups(controller: str) -> Iterator[Path]:
    """Folders of this process's group and of those around it, where they limit what a controller does.

    In a container some of the outer groups that a name has, or all, have no folder.
    """
    with suppress(OSError, ValueError):
        for line in _OWN.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                root = _MOUNTED / controller if controllers else _MOUNTED  # of version 1, or 2
                group = root / name.lstrip("/")
                yield from (group, *(outer for outer in group.parents if outer.is_relative_to(root)))


def _quota_of(group: Path) -> float:
    """Of a group's own files, of version 2 or 1."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError):  # not there; "max", which is no number
            quota, period = (int(word) for name in names for word in (group / name).read_text().split())
            if quota > 0 and period > 0:
                return quota / period
    return math.inf


def _limit_of(group: Path) -> float:
    for name in ("memory.max", "memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            return float(int((group / name).read_text()))
    return math.inf

"""How much of the machine's cores a container, or another control group, leaves to this process.

A process in a container sees all cores of its host, and may run on each of them; what is limited is its time.

Reference:
    Linux, Documentation/admin-guide/cgroup-v2.rst (cpu.max), Documentation/scheduler/sched-bwc.rst (cpu.cfs_quota_us).
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS = Path("/proc/self/cgroup")
_MOUNTED = Path("/sys/fs/cgroup")


def cpu_quota() -> float:
    """Seconds of a core in a second: the least of this process's group and those around it; infinite for none."""
    return min(map(_quota_of, _groups()), default=math.inf)


def _groups() -> Iterator[Path]:
    """Folders of the groups that limit it. In a container the outer ones of their names are not to be seen, or all."""
    with suppress(OSError, ValueError):
        for line in _GROUPS.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if not controllers or "cpu" in controllers.split(","):
                root = _MOUNTED / controllers
                group = root / name.lstrip("/")
                yield from (group, *(outer for outer in group.parents if outer.is_relative_to(root)))


def _quota_of(group: Path) -> float:
    """Of a group's own files, of version 2 or 1."""
    for names in (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")):
        with suppress(OSError, ValueError, ZeroDivisionError):  # not there; "max", which is no number
            quota, period = (int(word) for name in names for word in (group / name).read_text().split())
            if quota > 0 and period > 0:
                return quota / period
    return math.inf

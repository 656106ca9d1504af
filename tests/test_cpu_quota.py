"""Quotas as containers have them."""

import math
import threading
from pathlib import Path

import pytest
import torch

from tsexpand import cores, cpu_quota
from tsexpand.cores import usable

Files = dict[str, str]


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the system's, without any group."""
    monkeypatch.setattr(cpu_quota, "_MOUNTED", tmp_path / "cgroup")
    monkeypatch.setattr(cpu_quota, "_GROUPS", tmp_path / "groups")
    return tmp_path


def lay(folder: Path, groups: str, files: Files) -> None:
    (folder / "groups").write_text(groups)
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.mark.parametrize(
    ("lines", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),  # Docker with --cpus 2
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {}, math.inf),  # the root of a machine
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n", "cpu.max": "max 1\n"}, 1.5),
        ("0::/a\n", {"a/cpu.max": "300000 100000\n", "cpu.max": "50000 100000\n"}, 0.5),
        ("0::/pod/inner\n", {"cpu.max": "400000 100000\n"}, 4.0),  # names of the host, folders of the container
        (
            "5:cpuset:/x\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/\n",
            {"cpu,cpuacct/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            2.5,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "100000\n"}, math.inf),  # half of it is missing
        ("0::/\n", {"cpu.max": "nonsense\n"}, math.inf),
        ("0::/\n", {"cpu.max": "100000 0\n"}, math.inf),
        ("nonsense\n", {}, math.inf),
    ],
)
def test_it_is_the_least_around(groups: Path, lines: str, files: Files, quota: float) -> None:
    lay(groups, lines, files)
    assert cpu_quota.cpu_quota() == quota


def test_systems_without_groups_have_none(groups: Path) -> None:
    assert cpu_quota.cpu_quota() == math.inf


@pytest.mark.parametrize(("quota", "count"), [(math.inf, 64), (2.5, 3), (2.0, 2), (0.1, 1), (100.0, 64)])
def test_usable_cores_are_those_there_is_time_of(monkeypatch: pytest.MonkeyPatch, quota: float, count: int) -> None:
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    assert usable() == count


def test_pytorch_uses_no_more_and_never_more_than_it_was_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    seen: list[int] = []

    def count() -> None:
        for quota in (1.5, math.inf):
            torch.set_num_threads(3)
            monkeypatch.setattr(cores, "cpu_quota", lambda quota=quota: quota)
            cores.settle()
            seen.append(torch.get_num_threads())

    thread = threading.Thread(target=count)  # with settings of its own
    thread.start()
    thread.join()
    torch.set_num_threads(before)
    assert seen == [2, 3]

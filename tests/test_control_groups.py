"""Limits as containers have them."""

import math
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.conversions import IDENTITY, options
from tsexpand import control_groups, cores, verify
from tsexpand.bench import machine
from tsexpand.control_groups import cpu_quota, memory_limit
from tsexpand.convert import conversion
from tsexpand.cores import usable
from tsexpand.datasets import prepare
from tsexpand.evaluation import evaluate
from tsexpand.training import loop, memory
from tsexpand.training.memory import room_for_scenes
from tsexpand.training.options import TrainOptions

Files = dict[str, str]


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of the system's, without any group."""
    monkeypatch.setattr(control_groups, "_MOUNTED", tmp_path / "cgroup")
    monkeypatch.setattr(control_groups, "_OWN", tmp_path / "own")
    return tmp_path


def lay(folder: Path, own: str, files: Files) -> None:
    (folder / "own").write_text(own)
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


V1 = "5:cpuset:/x\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/\n"


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2.0),  # Docker with --cpus 2
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", {}, math.inf),  # the root of a machine
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "150000 100000\n", "cpu.max": "max 1\n"}, 1.5),
        ("0::/a\n", {"a/cpu.max": "300000 100000\n", "cpu.max": "50000 100000\n"}, 0.5),
        ("0::/pod/inner\n", {"cpu.max": "400000 100000\n"}, 4.0),  # names of the host, folders of the container
        ("0::/a:b\n", {"a:b/cpu.max": "100000 100000\n"}, 1.0),
        (V1, {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.5),
        (
            V1.replace("cpu,cpuacct", "cpuacct,cpu"),  # as old kernels name it
            {
                **{"cpu/docker/1/cpu.cfs_quota_us": "-1\n", "cpu/docker/1/cpu.cfs_period_us": "100000\n"},
                **{"cpu/docker/cpu.cfs_quota_us": "150000\n", "cpu/docker/cpu.cfs_period_us": "50000\n"},
            },
            3.0,
        ),
        ("5:cpuset:/\n", {"cpu.max": "1 1\n", "cpu/cpu.max": "1 1\n", "cpuset/cpu.max": "1 1\n"}, math.inf),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "100000\n"}, math.inf),  # half of it is missing
        ("0::/\n", {"cpu.max": "nonsense\n"}, math.inf),
        ("0::/\n", {"cpu.max": "100000 0\n"}, math.inf),
        ("nonsense\n", {"cpu.max": "1 1\n"}, math.inf),
    ],
)
def test_the_quota_is_the_least_around(groups: Path, own: str, files: Files, quota: float) -> None:
    lay(groups, own, files)
    assert cpu_quota() == quota


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/\n", {"memory.max": "1073741824\n"}, 1 << 30),
        ("0::/\n", {"memory.max": "max\n"}, math.inf),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "4096\n"}, 4096),
        ("4:memory:/docker/1\n0::/\n", {"memory/memory.limit_in_bytes": "8192\n"}, 8192),
    ],
)
def test_the_memory_is_too(groups: Path, own: str, files: Files, limit: float) -> None:
    lay(groups, own, files)
    assert memory_limit() == limit


def test_systems_without_groups_have_no_limits(groups: Path) -> None:
    assert cpu_quota() == memory_limit() == math.inf


def test_scenes_take_half_of_the_machine_or_the_container(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = (line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert room_for_scenes(1) == pytest.approx(1024 * int(line.split()[1]) / 2, rel=0.01)
    monkeypatch.delattr(memory.os, "sysconf_names")  # a system that does not say is taken for a small one
    assert room_for_scenes(1) == 8 << 30
    lay(groups, "0::/\n", {"memory.max": "1073741824\n"})
    assert [room_for_scenes(processes) for processes in (1, 4)] == [512 << 20, 128 << 20]


@pytest.mark.parametrize(("quota", "count"), [(math.inf, 64), (2.5, 3), (2.0, 2), (0.1, 1), (100.0, 64)])
def test_usable_cores_are_those_there_is_time_for(monkeypatch: pytest.MonkeyPatch, quota: float, count: int) -> None:
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    assert usable() == count


def test_pytorch_has_no_more_threads_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in cores._CHOSEN:
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    seen: list[int] = []

    def count(quota: float) -> None:
        torch.set_num_threads(3)
        monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
        cores.settle()
        seen.append(torch.get_num_threads())

    def counts() -> None:
        count(1.5)
        count(math.inf)
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        count(1.5)

    thread = threading.Thread(target=counts)  # with settings of its own
    thread.start()
    thread.join()
    torch.set_num_threads(before)
    assert seen == [2, 3, 3]


NOWHERE = Path("/nowhere")


@pytest.mark.parametrize(
    ("module", "begin"),
    [
        (conversion, lambda: conversion.convert(options(NOWHERE, NOWHERE / "out"), IDENTITY)),
        (evaluate, lambda: evaluate.evaluate(evaluate.EvaluateOptions(("a",), reference="b"))),
        (loop, lambda: loop.load_data(TrainOptions((NOWHERE,), NOWHERE / "w.pth", 1))),
        (machine, machine.this_machine),
        (prepare, lambda: prepare.prepare([NOWHERE], NOWHERE)),
        (verify, lambda: verify.verify("/nowhere/clip.mkv")),
    ],
    ids=["convert", "evaluate", "train", "bench", "dataset", "verify"],
)
def test_who_computes_settles_that_first(
    module: ModuleType, begin: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SettledError(Exception):
        pass

    def settle() -> None:
        raise SettledError

    monkeypatch.setattr(module, "settle", settle)
    with pytest.raises(SettledError):
        begin()

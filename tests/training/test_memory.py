from pathlib import Path

import pytest

from tsexpand.training import memory
from tsexpand.training.memory import room_for_scenes


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the limit of a container would stand; there is none yet."""
    monkeypatch.setattr(memory, "_CONTAINER", (tmp_path / "memory.max", tmp_path / "limit_in_bytes"))
    return tmp_path / "memory.max"


def test_scenes_may_take_half_of_the_memory(container: Path) -> None:
    (line,) = (line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    assert room_for_scenes(1) == pytest.approx(1024 * int(line.split()[1]) / 2, rel=0.01)
    container.write_text("max\n")
    assert room_for_scenes(1) == pytest.approx(1024 * int(line.split()[1]) / 2, rel=0.01)


def test_processes_share_what_a_container_has(container: Path) -> None:
    container.write_text("1073741824\n")
    assert [room_for_scenes(processes) for processes in (1, 4)] == [512 << 20, 128 << 20]


def test_control_groups_of_version_1_are_read_too(container: Path) -> None:
    container.with_name("limit_in_bytes").write_text("1073741824\n")
    assert room_for_scenes(1) == 512 << 20


def test_a_system_that_does_not_say_is_taken_for_a_small_one(container: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(memory.os, "sysconf_names")
    assert room_for_scenes(1) == 8 << 30

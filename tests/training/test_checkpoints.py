import os
from pathlib import Path
from typing import Any

import pytest
import torch

from tsexpand.errors import InputError, OutputError
from tsexpand.training.checkpoints import read_checkpoint, write_checkpoint

OPTIONS: dict[str, Any] = {
    "steps": 1300, "size": 40, "compile": True, "follow_motion": False, "warmup_steps": 100, "data_sha256": "0",
}  # fmt: skip
STATE: dict[str, Any] = {
    "step": 3, "options": OPTIONS, "network": {"weight": torch.ones(2)}, "average": {}, "optimisers": {}, "scaler": {},
    "kept": {},
}  # fmt: skip


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "w.pth.checkpoint"
    write_checkpoint(path, STATE)
    return path


def test_what_is_written_is_read(checkpoint: Path) -> None:
    state = read_checkpoint(checkpoint, OPTIONS)
    assert state["step"] == 3 and torch.equal(state["network"]["weight"], torch.ones(2))
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_checkpoint_is_on_the_disk_before_it_has_its_name(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = checkpoint.read_bytes()
    synced: list[str] = []

    def fsync(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name)
        assert checkpoint.read_bytes() == before
        assert Path(f"/proc/self/fd/{number}").stat().st_size >= len(before)

    monkeypatch.setattr(os, "fsync", fsync)
    write_checkpoint(checkpoint, STATE | {"step": 4})
    assert synced == ["w.pth.checkpoint.part"]
    assert read_checkpoint(checkpoint, {})["step"] == 4


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (OSError(28, "No space left on device"), OutputError, r"w\.pth\.checkpoint: disk full"),
        (KeyboardInterrupt("now"), KeyboardInterrupt, "now"),
    ],
)
def test_what_can_not_be_written_leaves_the_one_before(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, raised: type[BaseException], message: str
) -> None:
    def broken(number: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(raised, match=message):
        write_checkpoint(checkpoint, STATE | {"step": 4})
    assert read_checkpoint(checkpoint, OPTIONS)["step"] == 3
    assert list(checkpoint.parent.iterdir()) == [checkpoint]


def test_a_missing_folder_is_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder; create it first"):
        write_checkpoint(tmp_path / "missing" / "w.pth.checkpoint", STATE)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"steps": 600}, "--steps 1300, not 600"),
        ({"steps": 600, "size": 48}, "--steps 1300, not 600, and --size 40, not 48"),
        ({"compile": False}, "--compile"),
        ({"follow_motion": True}, "no --follow-motion"),
        ({"warmup_steps": 2}, "a warm-up of 100, not 2"),
        ({"data_sha256": "1"}, "other scenes"),
    ],
)
def test_what_differs_is_named_with_both_values(checkpoint: Path, other: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"of a training with {message}; delete it to begin anew, or choose"):
        read_checkpoint(checkpoint, OPTIONS | other)


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_a_damaged_checkpoint_is_refused(checkpoint: Path, content: bytes) -> None:
    checkpoint.write_bytes(content)
    with pytest.raises(InputError, match="damaged, or not a checkpoint of a training; delete it"):
        read_checkpoint(checkpoint, OPTIONS)


def test_what_a_checkpoint_lacks_is_named(checkpoint: Path) -> None:
    torch.save({name: part for name, part in STATE.items() if name != "scaler"}, checkpoint)
    with pytest.raises(InputError, match=r"\(no scaler\); delete it"):
        read_checkpoint(checkpoint, OPTIONS)

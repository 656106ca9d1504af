"""Checkpoints: written whole or not at all, read without running code."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, OutputError, output_error


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint; where that fails the one before stays.

    Raises:
        OutputError: it can't be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        torch.save(state, part)
        part.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    except RuntimeError as error:  # torch's writer says no more of a full disk
        if "DataLoader worker" in str(error):  # a signal that came while writing
            raise
        raise OutputError(f"{path}: checkpoint not written, is the disk full? ({error})") from error
    finally:
        part.unlink(missing_ok=True)  # gone already where all went well


_NAMES = {
    "data_sha256": "other scenes",
    "init_sha256": "other weights for --init",
    "objective": "the losses of another version",
    "warmup_steps": "another warm-up",
}


def read_checkpoint(path: Path, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Reads a checkpoint.

    Args:
        path: of the file.
        expected: what its options must be, some or all of them.

    Raises:
        InputError: it is not one, or of other options.
    """
    state = _read(path)
    found = dict(state["options"])
    differing = [_NAMES.get(k, "another --" + k.replace("_", "-")) for k, v in expected.items() if found.get(k) != v]
    if differing:
        raise InputError(
            f"{path}: of a training with {', '.join(differing)}; delete it to begin anew, or choose another output"
        )
    return state


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        dict(state["options"])
        missing = {"step", "options", "network", "average", "optimisers", "scaler", "best"} - state.keys()
    except Exception as error:  # torch.load raises many types for a damaged file
        raise InputError(f"{path}: damaged, or not a checkpoint of a training; delete it to begin anew") from error
    if missing:
        raise InputError(f"{path}: not a checkpoint of a training (without {', '.join(sorted(missing))})")
    found: dict[str, Any] = state
    return found

"""Checkpoints: written whole or not at all, read without running code."""

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
        part.unlink(missing_ok=True)
        raise output_error(path, error) from error
    except RuntimeError as error:  # torch's writer says no more of a full disk
        part.unlink(missing_ok=True)
        if "DataLoader worker" in str(error):  # a signal that came while writing
            raise
        raise OutputError(f"{path}: checkpoint not written, is the disk full? ({error})") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint.

    Raises:
        InputError: it is not one.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        dict(state["options"])
        missing = {"step", "options", "network", "average", "optimisers", "scaler", "best"} - state.keys()
    except Exception as error:  # torch.load raises many types for a damaged file
        raise InputError(f"{path}: not a checkpoint of a training ({type(error).__name__})") from error
    if missing:
        raise InputError(f"{path}: not a checkpoint of a training (without {', '.join(sorted(missing))})")
    found: dict[str, Any] = state
    return found

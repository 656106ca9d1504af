"""Checkpoints: written whole or not at all, read without running code."""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, output_error

_WAYS_OUT = "delete it to begin anew, or choose another output"

_WITHOUT_VALUE = {
    "data_sha256": "other scenes",
    "init_sha256": "other weights for --init",
    "teacher_sha256": "other weights for --teacher",
    "objective": "the losses or samples of another version",
}
"""Options whose values say nothing to a reader."""


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint; where that fails, or the power does, the one before stays.

    Raises:
        OutputError: it can't be written.
    """
    serialised = BytesIO()
    torch.save(state, serialised)  # of a full disk or a missing folder torch's own writer says nothing to act on
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(serialised.getbuffer())
            file.flush()
            os.fsync(file.fileno())  # or after a power cut the name could be there, and its content not
        part.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        part.unlink(missing_ok=True)  # gone already where all went well


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
    differing = [_difference(name, found.get(name), v) for name, v in expected.items() if found.get(name) != v]
    if differing:
        raise InputError(f"{path}: of a training with {', and '.join(differing)}; {_WAYS_OUT}")
    return state


def _difference(name: str, found: Any, expected: Any) -> str:
    """What a checkpoint has of an option, and what was given: as on the command line where it can be given there."""
    if name in _WITHOUT_VALUE:
        return _WITHOUT_VALUE[name]
    option = "a warm-up of" if name == "warmup_steps" else "--" + name.replace("_", "-")
    if isinstance(expected, bool):
        return option if found else f"no {option}"
    return f"{option} {found}, not {expected}"


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        dict(state["options"])
        missing = {"step", "options", "network", "average", "optimisers", "scaler", "kept"} - state.keys()
    except Exception as error:  # torch.load raises many types for a damaged file
        raise InputError(f"{path}: damaged, or not a checkpoint of a training; {_WAYS_OUT}") from error
    if missing:
        without = ", ".join(sorted(missing))
        raise InputError(f"{path}: not a checkpoint of a training, or of another version (no {without}); {_WAYS_OUT}")
    found: dict[str, Any] = state
    return found

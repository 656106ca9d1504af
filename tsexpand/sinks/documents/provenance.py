"""What it takes to make a delivery again."""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ... import __version__
from ...codecs.versions import library_versions
from ...errors import InputError

_ENDS = 1 << 20
"""Bytes of the beginning and of the end of a file that tell it from others."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a delivery comes from, in JSON's types.

    Attributes:
        command: what was typed; empty where there was no command line.
        options: of the command line by name, as they took effect.
        weights: their `name` and `sha256`; None where no network ran.
        engine: what ran where, for people.
        outputs: of the same pass.
        notices: what the user was told.
    """

    command: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)
    weights: Mapping[str, str] | None = None
    engine: str = ""
    outputs: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def versions() -> dict[str, str]:
    """Of everything that has a part in the pixels, and the machine."""
    return {
        "tsexpand": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        **library_versions(),
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def fingerprint(source: str) -> dict[str, object]:
    """What tells a file from others, in a moment: its `bytes`, and the `sha256` of its first and its last MiB.

    Both are None of what is no file: standard input, an address, numbered pictures.

    Raises:
        InputError: the file can't be read any more.
    """
    if source == "-" or not os.path.isfile(source):  # noqa: PTH113  (Path.is_file raises where an address is too long)
        return {"bytes": None, "sha256_of_ends": None}
    try:
        with Path(source).open("rb") as file:
            digest = hashlib.sha256(file.read(_ENDS))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _ENDS))
            digest.update(file.read(_ENDS))
    except OSError as error:
        raise InputError(f"{source}: can't be read ({error.strerror})") from error
    return {"bytes": size, "sha256_of_ends": digest.hexdigest()}

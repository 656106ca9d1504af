"""Single pictures, of which there is nothing to verify here."""

import os
import stat
from pathlib import Path

from ..codecs.stills.kinds import SUFFIXES
from ..codecs.stills.sequence import find_pictures
from ..errors import InputError
from .sequence import numbered

_SUFFIXES = SUFFIXES | {".exr", ".hdr", ".avif"}
"""What pictures in a folder are known by, those that we write among them."""


def refuse_single_pictures(name: str) -> None:
    """Raises InputError where a name means a file of one picture, or several of such and no EXR sequence."""
    is_folder = os.path.isdir(name)  # noqa: PTH112  (Path.is_dir raises where an address is too long for a name)
    if _holds_single_pictures(Path(name)) if is_folder else _is_of_pictures(name):
        raise InputError(f"{name}: verify checks video and EXR sequences, not single pictures")


def _holds_single_pictures(folder: Path) -> bool:
    return not numbered(folder) and any(path.suffix.lower() in _SUFFIXES for path in folder.iterdir())


def _is_of_pictures(name: str) -> bool:
    return find_pictures(name, None) is not None or _is_hdr_picture(Path(name))


def _is_hdr_picture(path: Path) -> bool:
    """Whether a file is OpenEXR, Radiance, or AVIF that is not animated."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith((b"\x76\x2f\x31\x01", b"#?")) or head[4:] == b"ftypavif"

"""Which files are pictures on their own, told by how they begin."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import png, webp
from .bmp import read_bmp
from .facts import StillFacts
from .jpeg import read_jpeg
from .png import drawn_png, read_png
from .tiff import read_tiff
from .webp import read_webp

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".webp", ".bmp"})
"""What pictures in a folder are known by."""

_MOTION_SUFFIXES = frozenset({".mjpeg", ".mjpg"})
"""JPEG pictures one after the other: a clip."""

_HEAD = 1 << 16
"""Bytes in which a file says whether it is animated."""


@dataclass(frozen=True, slots=True)
class StillKind:
    """A kind of picture file.

    Attributes:
        codec: FFmpeg's name of its decoder.
        read: gives what the file says of its picture, or raises Refused.
        drawn: gives what of a file the decoder is shown, once it was read.
    """

    codec: str
    read: Callable[[bytes], StillFacts]
    drawn: Callable[[bytes], bytes] = bytes


_JPEG, _PNG = StillKind("mjpeg", read_jpeg), StillKind("png", read_png, drawn_png)
_TIFF, _WEBP, _BMP = StillKind("tiff", read_tiff), StillKind("webp", read_webp), StillKind("bmp", read_bmp)


def kind_of(head: bytes) -> StillKind | None:
    """The kind of a file by its first bytes; None for clips, animations and all else."""
    if head.startswith(b"\xff\xd8\xff"):
        return _JPEG
    if head.startswith(png.SIGNATURE):
        return None if png.is_animated(head) else _PNG
    if head.startswith((b"II*\0", b"MM\0*")):
        return _TIFF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return None if webp.is_animated(head) else _WEBP
    return _BMP if head[:2] == b"BM" and head[6:10] == bytes(4) else None


def is_still(name: str) -> bool:
    """Whether an input is a file of one picture; what can't be read is none."""
    path = Path(name)
    try:
        if path.suffix.lower() in _MOTION_SUFFIXES or not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return kind_of(file.read(_HEAD)) is not None
    except OSError:
        return False

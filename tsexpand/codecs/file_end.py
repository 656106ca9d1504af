"""Whether a finished file goes as far as its outermost parts say: byte for byte, where times tell only about."""

import os
from pathlib import Path
from typing import BinaryIO

from .ebml import CLUSTER, INFO, SEGMENT, within
from .stream_end import MatroskaEnd, segment_end

_HEAD = 1 << 12
"""Bytes in which a Matroska file's segment begins."""

_TO_DURATION, _DURATION = frozenset({SEGMENT, INFO}), 0x4489
"""What a Matroska file's duration is in."""

_PORTION = 1 << 20

_UNFINISHED = (0, 0xFFFFFFFF)
"""Sizes of a chunk whose writer could not come back to state it."""


def cut_off(path: Path) -> str | None:
    """What an MP4, MOV, AVI or Matroska file lacks at its end, in words.

    Returns:
        None where it is all there, makes no such promise, or can't be read as a file.
    """
    if (missing := missing_bytes(path)) is not None:
        return f"{missing} bytes are missing" if missing else None
    try:
        with path.open("rb") as file:
            elements = MatroskaEnd()  # it was written to a pipe; anything else it does not follow
            while elements.is_followed and (data := file.read(_PORTION)):
                elements.feed(data)
            return "it ends within a picture" if elements.is_within_pictures else None
    except OSError:
        return None


def missing_bytes(path: Path) -> int | None:
    """How much shorter an MP4, MOV, AVI or Matroska file is than its outermost parts say; None where they don't."""
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            end = _stated_end(file, length)
            return None if end is None else max(0, end - length)
    except OSError:
        return None


def _stated_end(file: BinaryIO, length: int) -> int | None:
    head = file.read(_HEAD)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return segment_end(head)
    if head[4:8] == b"ftyp":
        return _boxes_end(file, length)
    return _riff_end(file, length) if head[:4] == b"RIFF" and head[8:12] == b"AVI " else None


def _boxes_end(file: BinaryIO, length: int) -> int:
    """Where the last of an ISO file's outermost boxes should end (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        size, _ = int.from_bytes(file.read(4), "big"), file.read(4)
        size = int.from_bytes(file.read(8), "big") if size == 1 else size
        if size < 8:  # 0 goes on to the end, whichever it is; others are damage
            return length
        at += size
    return at


def _riff_end(file: BinaryIO, length: int) -> int | None:
    """Where the last of an AVI file's RIFF chunks should end (OpenDML AVI 1.02); None where never finished."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        if name != b"RIFF" or size in _UNFINISHED:
            return None if at == 0 else at
        at += 8 + size
        at += size % 2 if at != length else 0  # not all writers even out the last one
    return at


def states_duration(path: Path) -> bool:
    """Whether a Matroska file says, in front of its pictures, how long it is; none does that was written to a pipe."""
    try:
        with path.open("rb") as file:
            for found in within(file, 0, file.seek(0, os.SEEK_END), _TO_DURATION):
                if found.identity == _DURATION:
                    file.seek(found.body)
                    return any(file.read(min(8, found.end - found.body)))
                if found.identity == CLUSTER:
                    break
    except (EOFError, OSError, RecursionError):  # damaged, or made to be nested without end
        pass
    return False

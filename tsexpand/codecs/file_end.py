"""Whether a finished file goes as far as its outermost parts say: byte for byte, where times tell only about."""

import os
from pathlib import Path
from typing import BinaryIO

from .stream_end import MatroskaEnd, segment_end

_HEAD = 1 << 12
"""Bytes in which a Matroska file's segment begins."""

_PORTION = 1 << 20


def cut_off(path: Path) -> str | None:
    """What an MP4, MOV or Matroska file lacks at its end, in words.

    Returns:
        None where it is all there, makes no such promise, or can't be read as a file.
    """
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(_HEAD)
            if head.startswith(b"\x1a\x45\xdf\xa3"):
                return _lack_of_matroska(file, head, length)
            return _lacking(_boxes_end(file, length), length) if head[4:8] == b"ftyp" else None
    except OSError:
        return None


def _lacking(end: int, length: int) -> str | None:
    return f"{end - length} bytes are missing" if end > length else None


def _lack_of_matroska(file: BinaryIO, head: bytes, length: int) -> str | None:
    if (end := segment_end(head)) is not None:
        return _lacking(end, length)
    elements = MatroskaEnd()  # it was written to a pipe
    file.seek(0)
    while data := file.read(_PORTION):
        elements.feed(data)
    return "it ends within a picture" if elements.is_within_pictures else None


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

"""States the pixel aspect in the header of a Matroska file, in place.

FFmpeg's muxer takes it from where PyAV has no setter for it, and writes that the display's unit is unknown. So the
name of the track is given a room of spaces, which is spent here on what FFmpeg would have written: the aspect of the
picture. Nothing moves but within the description of the track.

Reference:
    RFC 9559 (Matroska), 5.1.4.1.28.12 to 5.1.4.1.28.14, 11.1.
"""

import io
import os
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from .bare_pictures import Writable
from .ebml import SEGMENT, TRACKS, VIDEO, Element, element, elements, number, void

ROOM = " " * 16
"""At the end of the track's name: for elements of 7 and 5 bytes, a size that takes one more, and 2 that are void."""

_NAME = 0x536E
_PIXELS, _DISPLAY, _UNIT = (0xB0, 0xBA), (0x54B0, 0x54BA), 0x54B2
"""Width and height, of the coded picture and as shown; the unit of the latter."""

_ASPECT = 3
"""The unit of which nothing counts but the ratio."""

_EXTREME = 0xFFFF
"""Ratios are stated up to this one and its reciprocal, and by no higher divisor."""


class AspectStated:
    """A stream of Matroska on its way to another, which gets its header with the pixel aspect.

    Args:
        stream: where to.
        ratio: width to height of a pixel.
    """

    def __init__(self, stream: Writable, ratio: Fraction) -> None:
        self._stream = stream
        self._ratio = ratio
        self._head: io.BytesIO | None = io.BytesIO()

    def write(self, data: bytes) -> int:
        """Passes all on, once the tracks are described."""
        if self._head is None:
            return self._stream.write(data)
        self._head.seek(0, os.SEEK_END)
        self._head.write(data)
        if _state(self._head, self._ratio):
            self._stream.write(self._head.getvalue())
            self._head = None
        return len(data)


def patch_pixel_aspect(path: Path, ratio: Fraction) -> None:
    """States it in a finished file.

    Args:
        path: of the file, whose first track is the video and has `ROOM`.
        ratio: width to height of a pixel.

    Raises:
        ValueError: there is no room, or no track.
    """
    with path.open("r+b") as file:
        if not _state(file, ratio):
            raise ValueError(f"{path.name}: no track is described")


def _state(file: BinaryIO, ratio: Fraction) -> bool:
    """Whether it could be done: whether the tracks are there."""
    track = _first_track(file)
    if track is None:
        return False
    stated = _track_with(file, track, ratio)
    file.seek(track.body)
    file.write(stated + void(track.end - track.body - len(stated)))
    return True


def _first_track(file: BinaryIO) -> Element | None:
    end = file.seek(0, os.SEEK_END)
    try:
        segment = next(found for found in elements(file, 0, end) if found.identity == SEGMENT)
        tracks = next(found for found in elements(file, segment.body, end) if found.identity == TRACKS)
        return next(elements(file, tracks.body, end)) if tracks.end <= end else None
    except (EOFError, StopIteration):  # not all of it is here yet
        return None


def _track_with(file: BinaryIO, track: Element, ratio: Fraction) -> bytes:
    parts = []
    for found in elements(file, track.body, track.end):
        if found.identity == _NAME:
            name = _bytes(file, found.body, found.end)
            if not name.endswith(ROOM.encode()):
                raise ValueError(f"no room at byte {found.start}")
            name = name[: -len(ROOM)]
            parts += [element(_NAME, name)] if name else []
        elif found.identity == VIDEO:
            parts.append(element(VIDEO, _video_with(file, found, ratio)))
        else:
            parts.append(_bytes(file, found.start, found.end))
    return b"".join(parts)


def _video_with(file: BinaryIO, video: Element, ratio: Fraction) -> bytes:
    """What it held, with the picture's aspect; of a stereo picture one eye's, whose size is stated as shown."""
    kept, sizes = b"", {}
    for found in elements(file, video.body, video.end):
        if found.identity in (*_PIXELS, *_DISPLAY):
            sizes[found.identity] = int.from_bytes(_bytes(file, found.body, found.end), "big")
        if found.identity not in (*_DISPLAY, _UNIT):
            kept += _bytes(file, found.start, found.end)
    width, height = (sizes[kind] for kind in (_DISPLAY if _DISPLAY[0] in sizes else _PIXELS))
    shown = min(Fraction(_EXTREME), max(Fraction(1, _EXTREME), ratio * width / height)).limit_denominator(_EXTREME)
    return kept + number(_DISPLAY[0], shown.numerator) + number(_DISPLAY[1], shown.denominator) + number(_UNIT, _ASPECT)


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)

"""JPEG files: their segments.

Reference:
    Rec. ITU-T T.81, annex B; T.871 (JFIF), 10.1; ICC.1:2022, B.4 for the profile; JEITA CP-3451 for EXIF.
"""

import re
import struct
from collections.abc import Iterator
from fractions import Fraction

from .directory import read_exif
from .facts import Refused, StillFacts
from .pixel_shape import pixel_aspect

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""In coded data: what is not a stuffed byte or a restart."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END, _APP0, _APP1, _APP2, _COMMENT = 0xD9, 0xE0, 0xE1, 0xE2, 0xFE
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})

_PROFILE = b"ICC_PROFILE\0"
_JFIF, _FFMPEG = b"JFIF\0", b"Lavc"
_GAIN_MAP = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496")


def read_jpeg(data: bytes) -> StillFacts:
    """What a JPEG file says of its picture.

    Raises:
        Refused: cut off, or of other colours than Y′CbCr, R′G′B′ and grey.
    """
    exif, jfif, parts, gain_map, is_of_ffmpeg = b"", b"", dict[int, bytes](), False, False
    for marker, body in _segments(data):
        if marker in _FRAMES and len(body) > 5 and body[5] not in (1, 3):
            raise Refused("CMYK is of ink, not of light; convert it to sRGB first")
        if marker == _APP0 and body.startswith(_JFIF):
            jfif = jfif or body
        is_of_ffmpeg |= marker == _COMMENT and body.startswith(_FFMPEG)
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        if marker == _APP2 and body.startswith(_PROFILE) and len(body) > len(_PROFILE) + 2:
            parts[body[len(_PROFILE)]] = body[len(_PROFILE) + 2 :]
        gain_map |= marker in (_APP1, _APP2) and any(mark in body for mark in _GAIN_MAP)
    told = read_exif(exif)
    icc = b"".join(parts[number] for number in sorted(parts)) or None
    notices = ("Its HDR gain map is not used: the SDR picture is expanded.",) if gain_map else ()
    aspect = _aspect(jfif, is_of_ffmpeg)
    return StillFacts(icc, told.colour, told.orientation, (*told.notices, *notices), pixel_aspect=aspect)


def _aspect(jfif: bytes, is_of_ffmpeg: bool) -> Fraction:
    """By JFIF's densities; where they have no unit FFmpeg writes the aspect itself, which is their reciprocal."""
    if len(jfif) < 12:
        return Fraction(1)
    unit, across, down = struct.unpack_from(">B2H", jfif, len(_JFIF) + 2)
    return pixel_aspect(down, across) if unit == 0 and is_of_ffmpeg else pixel_aspect(across, down)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment, to the end of the picture."""
    place = 2
    while (match := _MARKER.search(data, place)) is not None:
        marker, place = match[1][0], match.end()
        if marker == _END:
            return
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[place : place + 2], "big")
        if length < 2 or place + length > len(data):
            break
        yield marker, data[place + 2 : place + length]
        place += length
    raise Refused("cut off: the end of the picture is missing; get it whole")

"""JPEG files: their segments.

Reference:
    Rec. ITU-T T.81, annex B; ICC.1:2022, B.4 for the profile; JEITA CP-3451 for EXIF.
"""

import re
from collections.abc import Iterator

from .directory import read_exif
from .facts import Refused, StillFacts

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""In coded data: what is not a stuffed byte or a restart."""

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _END, _APP1, _APP2 = 0xDA, 0xD9, 0xE1, 0xE2
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})

_PROFILE = b"ICC_PROFILE\0"
_GAIN_MAP = (b"hdrgm:Version", b"urn:iso:std:iso:ts:21496")


def read_jpeg(data: bytes) -> StillFacts:
    """What a JPEG file says of its picture.

    Raises:
        Refused: cut off, or of other colours than Y′CbCr, R′G′B′ and grey.
    """
    exif, parts, gain_map = b"", dict[int, bytes](), False
    for marker, body in _segments(data):
        if marker in _FRAMES and len(body) > 5 and body[5] not in (1, 3):
            raise Refused("CMYK is of ink, not of light; convert it to sRGB first")
        if marker == _APP1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        if marker == _APP2 and body.startswith(_PROFILE) and len(body) > len(_PROFILE) + 2:
            parts[body[len(_PROFILE)]] = body[len(_PROFILE) + 2 :]
        gain_map |= marker in (_APP1, _APP2) and any(mark in body for mark in _GAIN_MAP)
    told = read_exif(exif)
    icc = b"".join(parts[number] for number in sorted(parts)) or None
    notices = ("Its HDR gain map is not used: the SDR picture is expanded.",) if gain_map else ()
    return StillFacts(icc, told.colour, told.orientation, (*told.notices, *notices))


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

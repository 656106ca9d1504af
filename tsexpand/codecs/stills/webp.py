"""WebP files: their chunks.

Reference:
    RFC 9649; RFC 6386, 9.2: lossy codes are of BT.601, limited.
"""

import struct
from collections.abc import Iterator, Mapping

from .directory import read_exif
from .facts import Opacity, Refused, StillFacts

_ALPHA_IN_EXTENDED, _ALPHA_IN_LOSSLESS = 1 << 4, 1 << 28
"""Bits of VP8X's flags, and of what follows the signature of VP8L."""


def is_animated(data: bytes) -> bool:
    """Whether the extended header says so."""
    return data[12:16] == b"VP8X" and len(data) > 20 and bool(data[20] & 2)


def read_webp(data: bytes) -> StillFacts:
    """What a WebP file says of its picture; raises Refused where it is not whole."""
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise Refused("cut off: the end of the picture is missing; get it whole")
    found = dict(_chunks(data[: size + 8]))
    exif = read_exif(found.get(b"EXIF"))
    opacity = Opacity.STRAIGHT if _has_alpha(found) else Opacity.NONE
    return StillFacts(found.get(b"ICCP"), exif.colour, exif.orientation, exif.notices, True, opacity)


def _has_alpha(found: Mapping[bytes, bytes]) -> bool:
    """Whether a header says so; FFmpeg decodes lossless codes with opacity in any case."""
    if len(extended := found.get(b"VP8X", b"")) >= 1:
        return bool(extended[0] & _ALPHA_IN_EXTENDED)
    return bool(int.from_bytes(found.get(b"VP8L", b"")[1:5], "little") & _ALPHA_IN_LOSSLESS)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        yield name, data[place + 8 : place + 8 + size]
        place += 8 + size + size % 2

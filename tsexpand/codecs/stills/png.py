"""PNG files: their chunks.

Reference:
    W3C Portable Network Graphics (PNG) Specification, third edition; section 11.3.2 for colour, in which the order
    of precedence is cICP, iCCP, sRGB, gAMA with cHRM; 11.3.4.3 for pHYs.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from fractions import Fraction

import torch
from torch import Tensor

from ...colour.codes import Primaries, Transfer
from ...colour.primaries import CHROMATICITIES, Chromaticities, rgb_to_xyz
from ...colour.profile import CURVE_SAMPLES, Profile, power_curve
from ...colour.transfer import BT1886_EXPONENT, srgb_eotf
from .directory import read_exif
from .facts import CodePoints, Refused, StillFacts
from .pixel_shape import pixel_aspect

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MOST_PROFILE = 1 << 24
"""Bytes that a profile may grow to when it is inflated."""

_CAMERA_GAMMA = range(50993, 50996)
"""gAMA by which FFmpeg up to version 7 says a camera's curve, codes 1, 6, 7, 14, 15: 1 / 1.961, which approximates the
curve of the camera and not that of the display. Version 8 writes cICP beside another."""

_FFMPEG_PIECE = 4096
"""Bytes of pixels to a chunk; libpng's are of 8192."""

_DRAWN = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
"""Chunks that make the pixels."""

_TOLD = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf", b"pHYs"})
"""Chunks that say what they mean."""


def chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Name and content of each chunk, to the end of the picture.

    Raises:
        Refused: cut off, or changed since it was written.
    """
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body = memoryview(data)[place + 8 : place + 8 + length]
        if len(data) < place + 12 + length:
            break
        if zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(data[place + 8 + length : place + 12 + length], "big"):
            raise Refused(f"damaged: the checksum of its {name.decode('latin-1')} is not right")
        yield name, body
        if name == b"IEND":
            return
        place += 12 + length
    raise Refused("cut off: the end of the picture is missing; get it whole")


def is_animated(data: bytes) -> bool:
    """Whether there is an animation control chunk before the first pixels."""
    pixels = data.find(b"IDAT")
    return b"acTL" in data[: pixels if pixels >= 0 else None]


def drawn_png(data: bytes) -> bytes:
    """The file without what does not make its pixels.

    FFmpeg's decoder inflates texts and profiles without a bound: a megabyte of them would take gigabytes.
    """
    drawn = (_chunk(name, body) for name, body in chunks(data) if name in _DRAWN)
    return b"".join([SIGNATURE, *(part for parts in drawn for part in parts)])


def _chunk(name: bytes, body: memoryview) -> tuple[bytes | memoryview, ...]:
    return struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))


def read_png(data: bytes) -> StillFacts:
    """What a PNG file says of its picture; raises Refused where it is not whole."""
    found = dict[bytes, bytes]()
    for name, body in chunks(data):
        if name in _TOLD:
            found.setdefault(name, bytes(body))
    exif = read_exif(found.get(b"eXIf"))
    icc, colour = _colour_in(found)
    colour = colour or (exif.colour if icc is None else None)
    aspect = _aspect(data, found.get(b"pHYs", b""))
    return StillFacts(icc, colour, exif.orientation, exif.notices, pixel_aspect=aspect)


def _aspect(data: bytes, chunk: bytes) -> Fraction:
    if len(chunk) < 9:
        return Fraction(1)
    across, down, unit = struct.unpack_from(">2IB", chunk)
    return pixel_aspect(down, across) if unit == 0 and _is_of_ffmpeg(data) else pixel_aspect(across, down)


def _is_of_ffmpeg(data: bytes) -> bool:
    """Whether FFmpeg wrote it, whose pHYs is the aspect itself where PNG means densities, and so its reciprocal.

    It stands right behind the header, where libpng has what is said of colour, and pixels come in small pieces. Of
    a tiny picture by libpng without a word on colour this is not right.
    """
    piece = next((len(body) for name, body in chunks(data) if name == b"IDAT"), 0)
    return data[37:41] == b"pHYs" and piece <= _FFMPEG_PIECE


def _colour_in(found: Mapping[bytes, bytes]) -> tuple[bytes | None, CodePoints | Profile | None]:
    """An ICC profile, or what chunks say by other means, by their precedence."""
    if (stated := _code_points(found.get(b"cICP"))) is not None:
        return None, stated
    if b"iCCP" in found:
        return _inflated(found[b"iCCP"]), None
    if b"sRGB" in found:
        return None, (Primaries.BT709, Transfer.SRGB)
    return None, _numbers(found.get(b"gAMA"), found.get(b"cHRM"))


def _code_points(chunk: bytes | None) -> CodePoints | None:
    """What cICP states; of an untagged clip FFmpeg states the one and leaves the other open, for which sRGB stands."""
    if chunk is None or len(chunk) < 4:
        return None
    try:
        primaries, transfer = Primaries(chunk[0]), Transfer(chunk[1])
    except ValueError:
        raise Refused(f"its colour, code points {chunk[0]}/{chunk[1]}, is not supported") from None
    if primaries is Primaries.UNSPECIFIED and transfer is Transfer.UNSPECIFIED:
        return None
    return (
        Primaries.BT709 if primaries is Primaries.UNSPECIFIED else primaries,
        Transfer.SRGB if transfer is Transfer.UNSPECIFIED else transfer,
    )


def _inflated(chunk: bytes) -> bytes:
    _, _, rest = chunk.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(rest[1:], _MOST_PROFILE)
    except zlib.error:
        return b""  # a profile, if a broken one


def _numbers(gamma: bytes | None, colours: bytes | None) -> Profile | None:
    """An exponent and chromaticities; where one is missing, that of sRGB."""
    gamma = gamma if gamma is not None and len(gamma) >= 4 and any(gamma[:4]) else None  # 0 is no exponent
    if gamma is None and colours is None:
        return None
    space = CHROMATICITIES[Primaries.BT709]
    if colours is not None and len(colours) >= 32:
        white, red, green, blue = ((x / 100_000, y / 100_000) for x, y in struct.iter_unpack(">2I", colours[:32]))
        space = Chromaticities(red, green, blue, white)
    try:
        return Profile((_curve(gamma),), rgb_to_xyz(space), _numbers_name(gamma, colours))
    except (ZeroDivisionError, RuntimeError):  # y of 0, or colours in a line
        raise Refused("its chromaticities span no colours (cHRM)") from None


def _numbers_name(gamma: bytes | None, colours: bytes | None) -> str:
    """The numbers as they are found."""
    names = [] if gamma is None else [f"gAMA {int.from_bytes(gamma[:4], 'big') / 100_000:g}"]
    if colours is not None and len(colours) >= 32:
        names.append("cHRM " + " ".join(f"{value / 100_000:g}" for value in struct.unpack(">8I", colours[:32])))
    return ", ".join(names)


def _curve(gamma: bytes | None) -> Tensor:
    """Light at evenly spaced signals, as displayed."""
    if gamma is None:
        return srgb_eotf(torch.linspace(0, 1, CURVE_SAMPLES, dtype=torch.float64))
    stated = int.from_bytes(gamma[:4], "big")
    return power_curve(BT1886_EXPONENT if stated in _CAMERA_GAMMA else 100_000 / stated)

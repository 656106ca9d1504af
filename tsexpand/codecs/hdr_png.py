"""PNG pictures of 16 bits whose chunks say that they are HDR.

Reference:
    W3C Portable Network Graphics (PNG) Specification, third edition, 11.3.2.6 (cICP), 11.3.2.7 (mDCV), 11.3.2.8 (cLLI).
"""

import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from torch import Tensor

from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import SignalFormat
from ..errors import output_error
from .pixels import frame_from_planes
from .stills.png import drawn_png

_HEADER_END = 8 + 25
"""Bytes of signature and IHDR, behind which our chunks stand."""


def write_hdr_png(
    path: Path,
    planes: Sequence[Tensor],
    signal: SignalFormat,
    static: tuple[MasteringDisplay, ContentLight] | None,
) -> None:
    """Writes one picture under its name, which the caller keeps temporary until it is whole.

    Args:
        path: of the file.
        planes: R′, G′, B′, (H, W) each, uint16, full range.
        signal: what they mean.
        static: HDR10 metadata, None for HLG.

    Raises:
        OutputError: the file can't be written.
    """
    frame = frame_from_planes(tuple(planes), "gbrp16le").reformat(format="rgb48be")
    context = av.CodecContext.create("png", "w")
    context.width, context.height = frame.width, frame.height
    context.pix_fmt, context.time_base = "rgb48be", Fraction(1)
    context.options = {"pred": "up", "compression_level": "6"}
    whole = b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
    coded = drawn_png(whole)  # without FFmpeg's pHYs, by which a pixel is 0 wide
    try:
        with path.open("wb") as file:
            file.write(coded[:_HEADER_END])
            file.write(_chunk(b"cICP", bytes([signal.primaries, signal.transfer, 0, 1])))
            if static is not None:
                file.write(_chunk(b"mDCV", _mastering(static[0])) + _chunk(b"cLLI", _light(static[1])))
            file.write(memoryview(coded)[_HEADER_END:])
    except OSError as error:
        raise output_error(path, error) from error


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _mastering(display: MasteringDisplay) -> bytes:
    """Red, green, blue and white in units of 0.00002; luminances in 0.0001 cd/m²."""
    space = display.chromaticities
    places = [round(value * 50000) for xy in (space.red, space.green, space.blue, space.white) for value in xy]
    return struct.pack(">8H2I", *places, round(display.peak * 10000), round(display.black * 10000))


def _light(light: ContentLight) -> bytes:
    """In 0.0001 cd/m²."""
    return struct.pack(">2I", light.max_cll * 10000, light.max_fall * 10000)

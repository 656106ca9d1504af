"""A stream template that carries what PyAV has no setter for: HDR10 side data for the container.

PyAV copies a stream's parameters, side data included, from the stream of an open input. So a
Matroska header with the wanted colour description is built by hand, opened from memory, and its
stream serves as the template; the muxers then write mdcv, clli and colr boxes, or a Colour element.
"""

import io
import struct

import av
from av.container import InputContainer

from ..colour.codes import SignalRange
from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import SignalFormat
from .chroma_siting import SITINGS
from .ebml import element, number, real, text
from .static_metadata import Coding

_CODEC_IDS = {
    Coding.HEVC: "V_MPEGH/ISO/HEVC",
    Coding.AV1: "V_AV1",
    Coding.H264: "V_MPEG4/ISO/AVC",
    Coding.FFV1: "V_FFV1",
}
_BY_TAG = "V_MS/VFW/FOURCC"
"""How Matroska names any coding by a tag of four letters; FFmpeg knows ProRes and DNxHR by them."""

_RANGES = {SignalRange.LIMITED: 1, SignalRange.FULL: 2}


def open_donor(
    coding: Coding,
    size: tuple[int, int],
    extradata: bytes,
    tag: str,
    signal: SignalFormat,
    static: tuple[MasteringDisplay, ContentLight] | None,
) -> InputContainer:
    """Opens the donor; its one stream is the template, as long as it stays open.

    Args:
        coding: of the video.
        size: width and height.
        extradata: of the open encoder.
        tag: four letters for the coding, where Matroska has no name of its own for it, or none that is of use here.
        signal: what the codes mean.
        static: HDR10 static metadata, None for HLG.

    Reference:
        RFC 9559 (Matroska), 5.1.4.1.28.
    """
    video = number(0x9A, 2) + number(0xB0, size[0]) + number(0xBA, size[1])  # progressive, width, height
    video += element(0x55B0, _colour(signal, static))
    track = number(0xD7, 1) + number(0x73C5, 1) + number(0x83, 1)  # number, UID, type video
    private = extradata if coding in _CODEC_IDS else _bitmap_header(tag, size)
    track += text(0x86, _CODEC_IDS.get(coding, _BY_TAG)) + element(0x63A2, private) + element(0xE0, video)
    return av.open(io.BytesIO(_document(track)), "r")


def _bitmap_header(tag: str, size: tuple[int, int]) -> bytes:
    """Windows' BITMAPINFOHEADER, whose biCompression is the tag."""
    return struct.pack("<IiiHH4sIiiII", 40, *size, 1, 24, tag.encode(), 0, 0, 0, 0, 0)


def _document(track: bytes) -> bytes:
    """A whole file of one track; FFmpeg wants a cluster, if an empty one."""
    head = text(0x4282, "matroska") + number(0x4287, 4) + number(0x4285, 2)
    info = number(0x2AD7B1, 1_000_000) + text(0x4D80, "tsexpand") + text(0x5741, "tsexpand")
    tracks = element(0x1654AE6B, element(0xAE, track))
    segment = element(0x1549A966, info) + tracks + element(0x1F43B675, number(0xE7, 0))
    return element(0x1A45DFA3, head) + element(0x18538067, segment)


def _colour(signal: SignalFormat, static: tuple[MasteringDisplay, ContentLight] | None) -> bytes:
    across, down = SITINGS[signal.chroma_location]
    colour = number(0x55B1, signal.matrix) + number(0x55B9, _RANGES[signal.signal_range])
    colour += number(0x55BA, signal.transfer) + number(0x55BB, signal.primaries)
    colour += number(0x55B7, across) + number(0x55B8, down)
    if static is not None:
        display, light = static
        colour += number(0x55BC, light.max_cll) + number(0x55BD, light.max_fall) + _mastering(display)
    return colour


def _mastering(display: MasteringDisplay) -> bytes:
    """Elements 0x55D1 to 0x55DA: x and y of red, green, blue and white, highest and lowest luminance."""
    xy = display.chromaticities
    values = (*xy.red, *xy.green, *xy.blue, *xy.white, display.peak, display.black)
    return element(0x55D0, b"".join(real(0x55D1 + i, value) for i, value in enumerate(values)))

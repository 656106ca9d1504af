"""What a stream says of its pictures, in our words."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction
from typing import TypeVar, cast

import av
from av.buffer import Buffer
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from ..colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from ..colour.signal import Guess, SignalFormat, already_hdr, fill_unspecified, unsupported
from ..errors import InputError
from ..frames import VideoInfo
from .chroma_siting import stated_location
from .companions import KEPT_TYPES
from .completeness import MP4
from .deinterlacing import Deinterlacer, Deinterlacing
from .frame_rate import nominal_rate
from .opening import COVER_ART, OpenInput, moving_streams, stated_frames
from .pixel_layouts import PixelLayout, pixel_layout

Code = TypeVar("Code", bound=IntEnum)

_LIMITED, _FULL = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
_UPRIGHT = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)

LIMITED_GREY_CODECS = frozenset({"h264", "hevc"})
"""Codecs whose standard says limited range where nothing is stated, for grey too (Rec. H.264, H.265, annex E)."""


@dataclass(frozen=True, slots=True)
class SignalOverrides:
    """What the user says of a stream's colour instead of the stream; None: the stream is believed.

    `hdr` is whether PQ and HLG are welcome: they are not what we convert, but what we measure.
    """

    matrix: Matrix | None = None
    signal_range: SignalRange | None = None
    transfer: Transfer | None = None
    primaries: Primaries | None = None
    chroma_location: ChromaLocation | None = None
    hdr: bool = False


AS_TAGGED = SignalOverrides()
"""The user says nothing."""


def refuse_hdr(name: str, transfer: int, overrides: SignalOverrides) -> None:
    """Raises InputError where a transfer code says that the input is HDR already, and the user does not disagree."""
    if overrides.transfer is None and not overrides.hdr and (why := already_hdr(transfer)) is not None:
        raise InputError(f"{name}: {why}")


def readable_layout(name: str, frame: av.VideoFrame) -> PixelLayout:
    """The layout of a picture's pixel format; raises InputError where we can't read it."""
    layout = pixel_layout(frame.format.name)
    if layout is None:
        cinema = " (X′Y′Z′ of digital cinema)" if frame.format.name.startswith("xyz") else ""
        advice = "convert it first, such as with ffmpeg -i INPUT -c:v ffv1 -pix_fmt gbrp16le OUTPUT.mkv"
        raise InputError(f"{name}: pixel format {frame.format.name}{cinema} is not supported; {advice}")
    return layout


def describe(
    name: str,
    opened: OpenInput,
    stream: VideoStream,
    frame: av.VideoFrame,
    overrides: SignalOverrides,
    deinterlacer: Deinterlacer,
) -> VideoInfo:
    """All that is known of a clip once its first picture is decoded, and deinterlaced where it was to be.

    Raises:
        InputError: already HDR, or a signal or pixel format that is not supported.
    """
    layout = readable_layout(name, frame)
    codec = stream.codec_context.codec.canonical_name
    signal, guesses = _signal(name, codec, frame, layout, overrides)
    location, unknown = _chroma_location(stated_location(stream, codec), frame, layout, signal.matrix, overrides)
    signal, guesses = replace(signal, chroma_location=location), (*guesses, *unknown)
    if (why := unsupported(signal, overrides.hdr)) is not None:
        raise InputError(f"{name}: {why}")
    time_base = stream.time_base or Fraction(1, av.time_base)
    by_field = deinterlacer.mode is Deinterlacing.FIELD
    times = 2 if by_field and deinterlacer.has_begun else 1
    rate = nominal_rate(stream.average_rate, stream.base_rate)
    return VideoInfo(
        name=name,
        container=opened.format,
        codec=codec,
        pixel_format=frame.format.name,
        width=frame.width,
        height=frame.height,
        signal=signal,
        time_base=time_base / 2 if by_field else time_base,
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        frame_rate=rate and times * rate,
        frame_count_from_header=times * (stated_frames(stream) or 0) or None,
        duration_from_header=_duration(opened.container, stream, time_base),
        time_code=_stated("timecode", stream, opened.container),
        display_matrix=_display_matrix(frame),
        has_alpha=layout.has_alpha,
        guesses=guesses,
        notices=tuple(_notices(opened, stream, layout, deinterlacer)),
    )


def _notices(opened: OpenInput, stream: VideoStream, layout: PixelLayout, deinterlacer: Deinterlacer) -> Iterator[str]:
    """What is lost, or may not be as expected."""
    if _stated("alpha_mode", stream) == "1" and not layout.has_alpha:
        yield "The stream says that it has transparency, and there is none."
    if deinterlacer.notice:
        yield deinterlacer.notice
    moving = moving_streams(opened.container)
    if len(moving) > 1:
        yield _choice(moving, stream)
    for other in opened.container.streams:
        if other not in moving and other.type not in KEPT_TYPES and not _is_told(other, opened, stream):
            yield _loss(other)


def _choice(moving: list[VideoStream], taken: VideoStream) -> str:
    """Which of several video streams it is, and how to have another."""
    others = (f"--stream {n} ({_sketch(s)})" for n, s in enumerate(moving) if s.index != taken.index)
    number = next(n for n, s in enumerate(moving) if s.index == taken.index)
    return f"Video stream {number} of {len(moving)} ({_sketch(taken)}) is converted; for another: {', '.join(others)}."


def _sketch(stream: VideoStream) -> str:
    """What tells a stream from others."""
    context = stream.codec_context
    if context is None:
        return "no decoder"
    words = (stream.metadata.get("title"), context.codec.canonical_name, f"{context.width}×{context.height}")
    return ", ".join(word for word in words if word)


def _is_told(other: Stream, opened: OpenInput, stream: VideoStream) -> bool:
    """Whether a stream holds but what is kept in other words: the time code, or the titles of chapters."""
    if other.type != "data":
        return False
    time_code = _stated("timecode", other)
    if time_code is not None and time_code == _stated("timecode", stream):
        return True
    return other.name == "bin_data" and opened.format == MP4 and bool(opened.container.chapters())


def _stated(key: str, *holders: Stream | InputContainer) -> str | None:
    """A tag, in the first place that has it; Matroska's are in capitals."""
    for holder in holders:
        for name, text in holder.metadata.items():
            if name.lower() == key:
                return text
    return None


def _loss(stream: Stream) -> str:
    if stream.disposition & COVER_ART:
        return f"Cover art (stream {stream.index}) is not kept."
    name = f" ({stream.name})" if stream.name else ""
    return f"{stream.type.capitalize()} stream {stream.index}{name} is not kept."


def _signal(
    name: str, codec: str, frame: av.VideoFrame, layout: PixelLayout, overrides: SignalOverrides
) -> tuple[SignalFormat, tuple[Guess, ...]]:
    """What the codes mean: as the user says, else as tagged, else a guess that is reported."""
    signal_range, range_stated = _range(codec, frame, layout)
    matrix = Matrix.IDENTITY
    if not (layout.is_rgb or layout.is_grey):
        matrix = overrides.matrix or _code(name, Matrix, frame.colorspace)
        if matrix is Matrix.IDENTITY:
            matrix = Matrix.UNSPECIFIED  # R′G′B′ would have been decoded as such: a false tag
    stated = SignalFormat(
        bit_depth=layout.bit_depth,
        signal_range=overrides.signal_range or signal_range,
        matrix=matrix,
        transfer=overrides.transfer or _code(name, Transfer, frame.color_trc),
        primaries=overrides.primaries or _code(name, Primaries, frame.color_primaries),
    )
    range_stated = range_stated or overrides.signal_range is not None
    return fill_unspecified(stated, frame.height, layout.is_rgb, range_stated)


def _chroma_location(
    stated: ChromaLocation | None,
    frame: av.VideoFrame,
    layout: PixelLayout,
    matrix: Matrix,
    overrides: SignalOverrides,
) -> tuple[ChromaLocation, tuple[Guess, ...]]:
    """Where chroma lies: as the user says, else as is stated, else by the standard of the colours, or a guess.

    Reference:
        Rec. ITU-R BT.601-7, BT.709-6 and BT.2020-2: 4:2:2 is sampled with the first of two luma samples, and BT.2020's
        4:2:0 with the first line too. For other 4:2:0 there is but habit.
    """
    if (known := overrides.chroma_location or stated) is not None:
        return known, ()
    if matrix is Matrix.BT2020_NCL:
        return ChromaLocation.TOP_LEFT, ()
    is_open = layout.components == "yuv" and frame.format.chroma_height() != frame.height
    return ChromaLocation.LEFT, (Guess("chroma location", ChromaLocation.LEFT.value, "not told"),) if is_open else ()


def _code(name: str, codes: type[Code], number: int) -> Code:
    """A tag by its number; the reserved ones say nothing."""
    if number == 3 or (number == 0 and codes is not Matrix):
        return codes(2)
    try:
        return codes(number)
    except ValueError:
        raise InputError(f"{name}: {codes.__name__.lower()} code {number} is not supported") from None


def _range(codec: str, frame: av.VideoFrame, layout: PixelLayout) -> tuple[SignalRange, bool]:
    """The signal range, and whether the stream states it."""
    tag = frame.color_range
    if layout.is_full_range or tag == _FULL:
        return SignalRange.FULL, True
    if layout.is_rgb:  # encoders tag R′G′B′ as limited by default, and FFmpeg too reads it as full
        return SignalRange.FULL, tag != 0
    if tag == _LIMITED:
        return SignalRange.LIMITED, True
    full = layout.is_grey and codec not in LIMITED_GREY_CODECS
    return (SignalRange.FULL if full else SignalRange.LIMITED), False


def _duration(container: InputContainer, stream: VideoStream, time_base: Fraction) -> Fraction | None:
    if stream.frames and stated_frames(stream) is None:
        return None  # made up from a made-up number
    if stream.duration:
        return stream.duration * time_base
    return Fraction(container.duration, av.time_base) if container.duration else None


def _turned(degrees: int) -> tuple[int, ...] | None:
    """The display matrix of a right-angle turn, counterclockwise; mirroring is not told with it."""
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}.get(degrees % 360, (1, 0))
    one = 1 << 16
    matrix = (cosine * one, -sine * one, 0, sine * one, cosine * one, 0, 0, 0, 1 << 30)
    return None if matrix == _UPRIGHT else matrix


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    try:
        side_data = cast(Buffer | None, frame.side_data.get("DISPLAYMATRIX"))  # the stubs know motion vectors only
    except ValueError:  # PyAV 18.1 does not know all that FFmpeg 8 attaches, such as the EXIF of Motion JPEG
        return _turned(frame.rotation)
    if side_data is None:
        return None
    matrix: tuple[int, ...] = struct.unpack("=9i", bytes(side_data))
    return None if matrix == _UPRIGHT else matrix

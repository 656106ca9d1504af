"""Video encoders: pictures in, packets out, with exact times and HDR10 metadata in each keyframe."""

import os
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias, cast

import av
import torch
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.stream import VideoStream
from torch import Tensor

from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import HDR10, SignalFormat
from ..errors import OutputError
from ..frames import Timing, VideoInfo
from .pixels import frame_from_planes
from .static_metadata import PLACEHOLDER, Coding, keyframe_messages, with_messages

VideoPacket: TypeAlias = "av.Packet[VideoStream]"

KEYFRAME_SECONDS = 2
"""Between keyframes: a seek decodes at most this much, and HDR10 metadata is repeated as often."""

_MAX_KEYFRAME_INTERVAL = 250  # frames; x265's default, and a bound where a stream states an absurd frame rate

_FALLBACK_RATE = Fraction(25)
"""Where the frame rate is unknown: for rate control, and the duration of a lone picture."""

_PLANES = "yuv420p10le"
_SDR_PLANES = "yuv420p"
_LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How to encode.

    Attributes:
        codec: "hevc" (libx265), "av1" (libsvtav1), "hevc_nvenc" or "av1_nvenc" (NVIDIA GPUs with an encoder); "h264"
            (libx264) for SDR.
        crf: constant quality, lower is better; where None 16 for HEVC, 18 for H.264, 20 for AV1: close to
            transparent.
        preset: speed, in the encoder's own words; where None "medium", 8, and "p5" for NVENC.
    """

    codec: str = "hevc"
    crf: float | None = None
    preset: str | None = None

    @property
    def crf_and_preset(self) -> tuple[float, str]:
        """Those given, else the codec's own; raises `OutputError` where that is unknown."""
        library = _library(self.codec)
        return library.crf if self.crf is None else self.crf, self.preset or library.preset


@dataclass(frozen=True, slots=True)
class _Library:
    """An encoder of FFmpeg's and what we ask of it."""

    name: str
    coding: Coding
    crf: float
    preset: str
    quality_option: str = "crf"
    pixel_format: str = _PLANES
    options: dict[str, str] = field(default_factory=dict)
    pq_options: dict[str, str] = field(default_factory=dict)
    planes: str = _PLANES
    advice: str = "see the encoder's documentation for its presets and range of crf"


_NO_NVENC = "it needs an NVIDIA GPU with a video encoder and its driver; try hevc or av1"
_NVENC = {"tune": "hq", "rc": "vbr"}
_X265_REORDERING = 2
"""Pictures that x265 delays for its B-pyramid (its bframeDelay)."""
_X265 = "log-level=none:info=0:repeat-headers=0:open-gop=0"
_X265_NARROW = 64
"""Pixels of width, below which its macroblock tree (cutree) stays off: of pictures 33 to 48 wide it writes beyond its
memory, and the process dies (PyAV 18.1)."""

LIBRARIES = {
    "hevc": _Library(
        "libx265",
        Coding.HEVC,
        crf=16,
        preset="medium",
        options={"x265-params": _X265},
        pq_options={"x265-params": _X265 + ":hdr10-opt=1"},
    ),
    "av1": _Library("libsvtav1", Coding.AV1, crf=20, preset="8"),
    "hevc_nvenc": _Library("hevc_nvenc", Coding.HEVC, 18, "p5", "cq", "p010le", _NVENC, advice=_NO_NVENC),
    "av1_nvenc": _Library("av1_nvenc", Coding.AV1, 22, "p5", "cq", "p010le", _NVENC, advice=_NO_NVENC),
}

SDR_LIBRARIES = {
    "h264": _Library("libx264", Coding.H264, 18, "medium", pixel_format=_SDR_PLANES, planes=_SDR_PLANES),
}
"""Of 8-bit SDR, for previews."""


class Encoder:
    """An open encoder of 4:2:0 pictures, 10-bit HDR or 8-bit SDR.

    Args:
        options: how to encode.
        info: size, time base, frame rate and pixel aspect of the pictures.
        signal: HDR10, HLG10 or SDR8.
        mastering: the display to declare in each keyframe, None to declare none.
        levels: of light, to declare beside it.

    Raises:
        OutputError: the encoder is unknown, not available here, or refuses its options.

    Attributes:
        coding: format of the bitstream.
        width: of the coded picture, even for all but SVT-AV1.
        height: of the coded picture, likewise.
        extradata: parameter sets, for the container.
    """

    def __init__(
        self,
        options: EncoderOptions,
        info: VideoInfo,
        signal: SignalFormat,
        mastering: MasteringDisplay | None,
        levels: ContentLight = PLACEHOLDER,
    ) -> None:
        library = _library(options.codec)
        self.coding = library.coding
        # 4:2:0 HEVC and H.264 code whole chroma samples, and swscale makes no right p010 of odd sizes.
        even = 1 if library.name == "libsvtav1" else 2
        self.width, self.height = -(-info.width // even) * even, -(-info.height // even) * even
        self._time_base = info.time_base
        self._likely_duration = max(1, round(1 / ((info.frame_rate or _FALLBACK_RATE) * info.time_base)))
        self._durations: dict[int, int] = {}
        self._previous: int | None = None
        self._count = 0
        self._messages = keyframe_messages(self.coding, mastering, levels) if mastering is not None else b""
        self._planes, self._pixel_format = library.planes, library.pixel_format
        self._context = _context(library, options, info, signal, (self.width, self.height))
        self.extradata = self._context.extradata or b""

    def encode(self, planes: tuple[Tensor, ...], timing: Timing) -> list[VideoPacket]:
        """Takes a picture, and gives the packets that are ready.

        Args:
            planes: Y′, Cb, Cr: (h, w) and (⌈h/2⌉, ⌈w/2⌉) on the CPU, codes of the signal, 10-bit as uint16. Edges
                are repeated where the coded picture is larger.
            timing: in the time base of `info`.
        """
        if timing.time_base != self._time_base:
            raise ValueError(f"time base {timing.time_base} is not the encoder's {self._time_base}")
        luma, *chroma = planes
        frame = frame_from_planes((_padded(luma, self.height, self.width), *chroma), self._planes)
        if self._pixel_format != self._planes:
            frame = frame.reformat(format=self._pixel_format)
        frame.pts, frame.time_base, frame.duration = timing.pts, timing.time_base, self._duration(timing)
        self._durations[timing.pts] = frame.duration
        self._count += 1
        return [self._finished(packet) for packet in self._context.encode(frame)]

    def flush(self) -> list[VideoPacket]:
        """The remaining packets; the encoder takes no more pictures."""
        packets = [self._finished(packet) for packet in self._context.encode(None)]
        if self._count <= _X265_REORDERING:
            # x265 learns how far dts runs ahead from the picture after that many, and without one leaves
            # it uninitialised. So few pictures are coded in the order in which they are shown.
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def _duration(self, timing: Timing) -> int:
        """Of the picture; where unknown the distance to the one before, as MP4 cuts a last picture of none."""
        if self._previous is not None:
            self._likely_duration = max(1, timing.pts - self._previous)
        self._previous = timing.pts
        return timing.duration or self._likely_duration

    def _finished(self, packet: VideoPacket) -> VideoPacket:
        """The packet with its duration, which SVT-AV1 leaves out, and a keyframe's metadata."""
        assert packet.pts is not None  # encoders always set it
        packet.duration = self._durations.pop(packet.pts)
        packet.time_base = self._time_base
        if not packet.is_keyframe or not self._messages:
            return packet
        changed = cast(VideoPacket, av.Packet(with_messages(self.coding, bytes(packet), self._messages)))
        changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
        changed.time_base, changed.is_keyframe = self._time_base, True
        return changed


def _library(codec: str) -> _Library:
    libraries = LIBRARIES | SDR_LIBRARIES
    if codec not in libraries:
        raise OutputError(f"encoder {codec} is unknown; choose one of {', '.join(libraries)}")
    return libraries[codec]


def _context(
    library: _Library, options: EncoderOptions, info: VideoInfo, signal: SignalFormat, size: tuple[int, int]
) -> av.VideoCodecContext:
    os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 reads it once, and is talkative without
    crf, preset = options.crf_and_preset
    try:
        context = av.CodecContext.create(library.name, "w")
        assert isinstance(context, av.VideoCodecContext)
        _describe(context, info, signal, size)
        context.pix_fmt = library.pixel_format
        private = library.options | library.pq_options if signal.transfer is HDR10.transfer else library.options
        if library.name == "libx265" and size[0] < _X265_NARROW:
            private = private | {"x265-params": private["x265-params"] + ":cutree=0"}
        context.options = {"preset": preset, library.quality_option: f"{crf:g}", **_siting(signal), **private}
        context.open()
    except (FFmpegError, ValueError) as error:
        raise OutputError(_refusal(library, preset, crf, size, error)) from error
    return context


def _describe(context: av.VideoCodecContext, info: VideoInfo, signal: SignalFormat, size: tuple[int, int]) -> None:
    """Size, time and colour, which all encoders take in the same way."""
    rate = info.frame_rate or _FALLBACK_RATE
    context.width, context.height = size
    context.sample_aspect_ratio = info.sample_aspect_ratio
    context.time_base, context.framerate = info.time_base, rate
    context.gop_size = min(_MAX_KEYFRAME_INTERVAL, max(1, round(rate * KEYFRAME_SECONDS)))
    context.bit_rate = 0  # FFmpeg's default of 200 kbit/s would bound NVENC's constant quality
    context.flags |= Flags.global_header | Flags.frame_duration | Flags.closed_gop
    context.color_primaries, context.color_trc = signal.primaries, signal.transfer
    context.colorspace, context.color_range = signal.matrix, _LIMITED_RANGE


def _siting(signal: SignalFormat) -> dict[str, str]:
    return {"chroma_sample_location": signal.chroma_location.value}


def _refusal(library: _Library, preset: str, crf: float, size: tuple[int, int], error: Exception) -> str:
    what = f"encoder {library.name} is not available here or refuses preset {preset}, {library.quality_option} {crf:g}"
    reason = getattr(error, "strerror", None) or str(error)
    return f"{what} at {size[0]}×{size[1]} ({reason}); {library.advice}"


def _padded(plane: Tensor, height: int, width: int) -> Tensor:
    """Repeats the last row and column where the coded picture has one more."""
    if plane.shape[1] < width:
        plane = torch.cat((plane, plane[:, -1:]), dim=1)
    if plane.shape[0] < height:
        plane = torch.cat((plane, plane[-1:]), dim=0)
    return plane

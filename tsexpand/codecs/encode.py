"""Video encoders: pictures in, packets out, with exact times and HDR10 metadata in each keyframe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TypeAlias, cast

import av
import torch
from av.codec.context import Flags
from av.error import FFmpegError
from av.video.stream import VideoStream
from torch import Tensor

from ..colour.codes import Transfer
from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import SignalFormat
from ..errors import OutputError
from ..frames import Timing, VideoInfo, clock
from .encoders import EncoderOptions, Library, library_of
from .nvenc import DevicePictures, Pack, tried
from .opening import reason
from .pixels import frame_from_planes
from .scheduling import ordinary_threads
from .static_metadata import PLACEHOLDER, Coding, keyframe_messages, with_messages

VideoPacket: TypeAlias = "av.Packet[VideoStream]"

KEYFRAME_SECONDS = 2
"""Between keyframes: a seek decodes at most this much, and HDR10 metadata is repeated as often."""

_MAX_KEYFRAME_INTERVAL = 250  # frames; x265's default, and a bound where a stream states an absurd frame rate

_FALLBACK_RATE = Fraction(25)
"""Where the frame rate is unknown: for rate control, and the duration of a lone picture."""

_LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG

_X265_REORDERING = 2
"""Pictures that x265 delays for its B-pyramid (its bframeDelay)."""

_DNXHR_COLOUR, _DNXHR_COLOUR_MASK, _DNXHR_BT2020 = 0x2C, 0b110, 0b010
"""Where a DNxHR picture names its matrix, and what stands there for BT.2020 of non-constant luminance."""

_FFV1_SLICES, _FFV1_FEW_SLICES, _FFV1_SMALL = 24, 4, 64
"""Parts of a picture that have a checksum each, so that damage stays in one; few below that many pixels of width or
height, which it does not divide further."""

_X265_NARROW = 64
"""Pixels of width, below which its macroblock tree (cutree) stays off: of pictures 33 to 48 wide it writes beyond its
memory, and the process dies (PyAV 18.1)."""


class Encoder:
    """An open encoder.

    Args:
        options: how to encode.
        info: size, time base, frame rate and pixel aspect of the pictures.
        signal: as `Library.delivered` makes it.
        mastering: the display to declare in each keyframe, where it has a place for it; None to declare none.
        levels: of light, to declare beside it.

    Raises:
        OutputError: the encoder is unknown, not available here, or refuses its options.

    Attributes:
        coding: format of the bitstream.
        width: of the coded picture, see `Library.coded_size`.
        height: of the coded picture, likewise.
        extradata: parameter sets, for the container.
        tag: what MOV calls the coding, empty where it is not for the encoder to say.
        notice: why pictures on a GPU are not encoded there, though that was asked for.
    """

    def __init__(
        self,
        options: EncoderOptions,
        info: VideoInfo,
        signal: SignalFormat,
        mastering: MasteringDisplay | None,
        levels: ContentLight = PLACEHOLDER,
    ) -> None:
        library = library_of(options.codec)
        self.coding = library.coding
        self.width, self.height = library.coded_size(info.width, info.height)
        self._time_base = info.time_base
        self._likely_duration = max(1, round(1 / ((info.frame_rate or _FALLBACK_RATE) * info.time_base)))
        self._durations: dict[int, int] = {}
        self._previous: int | None = None
        self._count = 0
        self._messages = b""
        if mastering is not None and self.coding.has_messages:
            self._messages = keyframe_messages(self.coding, mastering, levels)
        self._library, self._signal = library, signal
        self._planar = library.planar(info.has_alpha)
        size = self.width, self.height

        def context(pixel_format: str) -> av.VideoCodecContext:
            return _context(library, options, info, signal, size, pixel_format)

        self.notice: str | None = None
        self._reserved: av.VideoCodecContext | None = None
        on_device: DevicePictures | None = None
        opened = None
        if options.device is not None and library.interleaved is not None:
            opened = context("cuda")
            pictures, why = tried(options.device, size, opened, self.coding)
            if why is None:
                self._context = context("cuda")  # which its first picture opens; until then
                self._reserved = opened  # keeps its place on the GPU
                on_device = pictures
            else:
                self.notice = f"{library.name} takes its pictures from the CPU, not from {options.device}: {why}."
                opened = None
        if opened is None:
            self._context = opened = context(library.interleaved or self._planar)
            with _refusals(library, options, size), ordinary_threads():
                opened.open()
        self._on_device = on_device  # set last, so that it goes last: encoders know addresses of its memory
        self.extradata = opened.extradata or b""
        self.tag = opened.codec_tag.strip("\0 ")

    @property
    def pack(self) -> Pack | None:
        """What makes of pictures on the GPU such as are encoded there; None where they are encoded from the CPU."""
        return None if self._on_device is None else self._on_device.pack

    def encode(self, planes: tuple[Tensor, ...], timing: Timing) -> list[VideoPacket]:
        """Takes a picture, and gives the packets that are ready.

        Args:
            planes: Y′, Cb, Cr: (h, w), chroma as the library samples it, uint16 on the CPU; and opacity, where
                `info` and the library have it. Edges are repeated where the coded picture is larger. Or what `pack`
                made of them, where there is one.
            timing: in the time base of `info`.

        Raises:
            OutputError: the encoder fails.
        """
        if timing.time_base != self._time_base:
            raise ValueError(f"time base {timing.time_base} is not the encoder's {self._time_base}")
        frame = self._picture(planes)
        # ProRes states its colour in every picture, and takes it from there.
        frame.color_primaries, frame.color_trc = self._signal.primaries, self._signal.transfer
        frame.colorspace, frame.color_range = self._signal.matrix, _LIMITED_RANGE
        frame.pts, frame.time_base, frame.duration = timing.pts, timing.time_base, self._duration(timing)
        self._durations[timing.pts] = frame.duration
        self._count += 1
        return self._packets(frame, f"at {clock(timing.seconds)}")

    def flush(self) -> list[VideoPacket]:
        """The remaining packets; the encoder takes no more pictures.

        Raises:
            OutputError: the encoder fails.
        """
        packets = self._packets(None, "at its end")
        if self._count <= _X265_REORDERING:
            # x265 learns how far dts runs ahead from the picture after that many, and without one leaves
            # it uninitialised. So few pictures are coded in the order in which they are shown.
            for packet in packets:
                packet.dts = packet.pts
        return packets

    def _picture(self, planes: tuple[Tensor, ...]) -> av.VideoFrame:
        if self._on_device is not None:
            if self._reserved is not None:
                self._reserved = None
                self._on_device.make_room()
            return self._on_device.picture(planes[0])
        luma, *chroma = planes
        frame = frame_from_planes((_padded(luma, self.height, self.width), *chroma), self._planar)
        return frame if self._library.interleaved is None else frame.reformat(format=self._library.interleaved)

    def _packets(self, frame: av.VideoFrame | None, when: str) -> list[VideoPacket]:
        try:
            packets = self._context.encode(frame)
        except FFmpegError as error:
            advice = "" if self._on_device is None else f"; {self._library.advice}"
            raise OutputError(f"encoder {self._library.name} failed {when} ({reason(error)}){advice}") from error
        return [self._finished(packet) for packet in packets]

    def _duration(self, timing: Timing) -> int:
        """Of the picture; where unknown the distance to the one before, as MP4 cuts a last picture of none."""
        if self._previous is not None:
            self._likely_duration = max(1, timing.pts - self._previous)
        self._previous = timing.pts
        return timing.duration or self._likely_duration

    def _finished(self, packet: VideoPacket) -> VideoPacket:
        """The packet with its duration, which SVT-AV1 leaves out, and what its content lacks."""
        assert packet.pts is not None  # encoders always set it
        packet.duration = self._durations.pop(packet.pts)
        packet.time_base = self._time_base
        if self.coding is Coding.DNXHR:
            content = _with_bt2020_matrix(bytes(packet))
        elif packet.is_keyframe and self._messages:
            content = with_messages(self.coding, bytes(packet), self._messages)
        else:
            return packet
        changed = cast(VideoPacket, av.Packet(content))
        changed.pts, changed.dts, changed.duration = packet.pts, packet.dts, packet.duration
        changed.time_base, changed.is_keyframe = self._time_base, True
        return changed


def _with_bt2020_matrix(picture: bytes) -> bytes:
    """A DNxHR picture that names its matrix: FFmpeg's encoder leaves BT.709 there, which its decoder then believes.

    Reference:
        SMPTE ST 2019-1:2016 (VC-3), the colour volume of the picture header, as FFmpeg's decoder reads it.
    """
    named = picture[_DNXHR_COLOUR] & ~_DNXHR_COLOUR_MASK | _DNXHR_BT2020
    return picture[:_DNXHR_COLOUR] + bytes([named]) + picture[_DNXHR_COLOUR + 1 :]


def _context(
    library: Library,
    options: EncoderOptions,
    info: VideoInfo,
    signal: SignalFormat,
    size: tuple[int, int],
    pixel_format: str,
) -> av.VideoCodecContext:
    """An encoder that is not open yet; raises `OutputError` where there is none of that name here."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 reads it once, and is talkative without
    with _refusals(library, options, size):
        context = av.CodecContext.create(library.name, "w")
        assert isinstance(context, av.VideoCodecContext)
        _describe(context, info, signal, size)
        context.pix_fmt = pixel_format
        if library.quality is None:
            context.gop_size = 1  # every picture stands alone
        chosen = _chosen(library, options)
        context.options = {**chosen, **_siting(signal), **_private(library, signal, size, context.gop_size)}
    return context


@contextmanager
def _refusals(library: Library, options: EncoderOptions, size: tuple[int, int]) -> Iterator[None]:
    """Turns the refusals of an encoder into an `OutputError`."""
    try:
        yield
    except (FFmpegError, ValueError) as error:
        raise OutputError(_refusal(library, _chosen(library, options), size, error)) from error


def _private(library: Library, signal: SignalFormat, size: tuple[int, int], interval: int) -> dict[str, str]:
    """The library's own options for pictures of a size, and keyframes every so many."""
    options = library.options | library.pq_options if signal.transfer is Transfer.PQ else library.options
    if library.name == "libx265":
        # A cut gets no keyframe of its own, which would shift those that streams are divided at.
        more = f":min-keyint={interval}" + (":cutree=0" if size[0] < _X265_NARROW else "")
        return options | {"x265-params": options["x265-params"] + more}
    if library.coding is Coding.FFV1:
        return options | {"slices": str(_FFV1_SLICES if min(size) >= _FFV1_SMALL else _FFV1_FEW_SLICES)}
    return options


def _chosen(library: Library, options: EncoderOptions) -> dict[str, str]:
    """Quality and speed, where there is a choice."""
    if library.quality is None:
        return {}
    crf, preset = options.crf_and_preset
    return {"preset": str(preset), library.quality.crf_option: f"{crf:g}"}


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


def _refusal(library: Library, chosen: dict[str, str], size: tuple[int, int], error: Exception) -> str:
    asked = ", ".join(f"{option} {value}" for option, value in chosen.items()) or "pictures"
    what = f"encoder {library.name} is not available here or refuses {asked}"
    return f"{what} at {size[0]}×{size[1]} ({reason(error)}); {library.advice}"


def _padded(plane: Tensor, height: int, width: int) -> Tensor:
    """Repeats the last row and column where the coded picture has one more."""
    if plane.shape[1] < width:
        plane = torch.cat((plane, plane[:, -1:]), dim=1)
    if plane.shape[0] < height:
        plane = torch.cat((plane, plane[-1:]), dim=0)
    return plane

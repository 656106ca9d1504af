"""The video file: encoder, muxer, companions and HDR10 metadata put together."""

import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from math import lcm
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from torch import Tensor

from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import SignalFormat
from ..errors import is_refusal, output_error
from ..frames import Packets, Timing, VideoInfo
from .bare_pictures import Writable
from .companions import Companions
from .donor import open_donor
from .encode import Encoder, VideoPacket
from .encoders import EncoderOptions, library_of, refuse_mismatch
from .light_level import patch_content_light
from .passthrough import Container, Passthrough, lasting, sort_streams
from .pixel_aspect import ROOM, AspectStated, patch_pixel_aspect
from .read_back import NotWholeError, check_written
from .static_metadata import PLACEHOLDER, UNKNOWN, Coding

__all__ = ["Container", "EncoderOptions", "NotWholeError", "VideoWriter"]

_CLOCK_LEAD = 700_000
"""Microseconds by which the clock of a transport stream is ahead of what it carries, so that a decoder has it in time;
FFmpeg's own value. All times are twice this later than they were."""

_MAX_TIMESCALE = 2**31 - 1

_ROUNDING = {Container.MKV: Fraction(1, 1000), Container.TS: Fraction(1, 90000)}
"""Seconds by which a container may move a picture, where it does not count as the source does."""


class VideoWriter:
    """Writes one HDR10, HLG or SDR file.

    Args:
        path: of the file, which the caller keeps temporary until `finish` returns.
        container: its format, whatever the path is called.
        options: how to encode.
        info: size, times and orientation of the pictures.
        signal: as `Library.delivered` makes it of HDR10 or HLG10.
        mastering: the display to declare, None for HLG.
        companions: what travels with the pictures; its input stays open while this writes.
        stream: where to instead of the path, which then is but a name. What has been written there can't be
            changed: light levels are declared as unknown.

    Attributes:
        pack: see `Encoder.pack`.

    Raises:
        OutputError: the file can't be written, or the encoder can't be opened.
    """

    def __init__(
        self,
        path: Path,
        container: Container,
        options: EncoderOptions,
        info: VideoInfo,
        signal: SignalFormat,
        mastering: MasteringDisplay | None,
        companions: Companions,
        stream: Writable | None = None,
    ) -> None:
        self._path = path
        self._is_file = stream is None
        self._can_patch = self._is_file and container is not Container.TS
        levels = PLACEHOLDER if self._can_patch else UNKNOWN
        self._aspect = info.sample_aspect_ratio if container is Container.MKV else Fraction(1)
        refuse_mismatch(path, container, options)
        self._encoder = Encoder(options, info, signal, mastering, levels)
        streams, dropped = sort_streams(companions.streams, container)
        self.pack = self._encoder.pack
        self._notices = [*_picture_notices(self._encoder, info), *dropped]
        if container is Container.TS:
            self._notices += _transport_notices(info, companions)
        if mastering is not None and not self._can_patch:
            self._notices.append("light levels are declared as 0, unknown: they are known, and told, at the end.")
        with _translated(path):
            muxer_options = _muxer_options(container, info, [carried.stream for carried in streams])
            if stream is not None and self._aspect != 1:
                stream = AspectStated(stream, self._aspect)
            target = str(path.absolute()) if stream is None else stream
            self._output = av.open(target, "w", container.value, container_options=muxer_options)
        self._is_open = True
        self._delay: int | None = None
        self._container = container
        self._time_base = info.time_base
        self._times = array("q")  # of all pictures, to be held against the finished file
        try:
            with _translated(path), _donor(self._encoder, signal, mastering, levels) as donor:
                self._video = _add_video(self._output, donor, container, info)
                _name_coding(self._video.codec_context, self._encoder, container, library_of(options.codec).profile)
                self._video.metadata.update(lasting(companions.video_metadata))
                if self._aspect != 1:
                    _make_room(self._video.metadata)
                self._passthrough = Passthrough(self._output, streams, companions)
                self._output.start_encoding()
        except BaseException:
            self.close()
            raise

    @property
    def notices(self) -> tuple[str, ...]:
        """What was dropped, padded or repaired so far, a sentence each."""
        return (*self._notices, *self._passthrough.notices)

    def write(self, planes: tuple[Tensor, ...], timings: tuple[Timing, ...], packets: Packets) -> None:
        """Encodes pictures and copies packets.

        Args:
            planes: Y′, Cb, Cr: (N, h, w), chroma as the library samples it, uint16 on the CPU; and opacity; or what
                `pack` made of them; see `Encoder.encode`.
            timings: one a picture, in the time base of `info`.
            packets: of the companions, met before or among these pictures.

        Raises:
            OutputError: the disk is full, or writing fails for another known reason.
        """
        if self._delay is None and timings:
            self._delay = self._delay_to_zero(timings[0])
        with _translated(self._path):
            self._passthrough.mux(packets)
            for i, timing in enumerate(timings):
                later = replace(timing, pts=timing.pts + (self._delay or 0))
                self._times.append(later.pts)
                self._mux(self._encoder.encode(tuple(plane[i] for plane in planes), later))

    def finish(self, content_light: ContentLight | None = None) -> None:
        """Completes the file and makes it durable.

        Args:
            content_light: measured on all pictures, to replace the upper bound that was declared, where that
                can be; None where the file has no static metadata.

        Raises:
            OutputError: the disk is full, or writing fails for another known reason.
            NotWholeError: read back, the file does not hold what was written; it is left there.
        """
        with _translated(self._path):
            self._mux(self._encoder.flush())
            self._passthrough.flush()
            self._output.close()
            if self._is_file and self._aspect != 1:
                patch_pixel_aspect(self._path, self._aspect)
            if content_light is not None and self._can_patch:
                patch_content_light(self._path, self._encoder.coding, content_light)
            if self._is_file:
                _sync(self._path)
        self._is_open = False
        if self._is_file:
            rounding, shifts = _ROUNDING.get(self._container, Fraction(0)), self._container is Container.TS
            check_written(self._path, self._times, self._time_base, rounding, shifts)

    def close(self) -> None:
        """Lets go of the file; one that was not finished is removed. May be called again."""
        if self._is_open:
            self._is_open = False
            if self._is_file:
                self._path.unlink(missing_ok=True)  # first, so that the muxer has nothing to move to the front
            with suppress(FFmpegError):  # of a file that is gone
                self._output.close()

    def _delay_to_zero(self, first: Timing) -> int:
        """Ticks that bring the first picture to 0 where it is before: an MP4's edit list would cut it off."""
        ticks = max(0, -first.pts)
        if ticks:
            self._passthrough.delay = ticks * first.time_base
            seconds = float(self._passthrough.delay)
            self._notices.append(f"all times moved by {seconds:.3f} s: the first picture was before 0")
        return ticks

    def _mux(self, packets: list[VideoPacket]) -> None:
        for packet in packets:
            packet.stream = self._video
            self._output.mux(packet)


def _picture_notices(encoder: Encoder, info: VideoInfo) -> Iterator[str]:
    if encoder.notice is not None:
        yield encoder.notice
    if (encoder.width, encoder.height) != (info.width, info.height):
        sizes = f"{info.width}×{info.height} to {encoder.width}×{encoder.height}"
        is_preview = encoder.coding is Coding.H264
        whose, advice = ("of the preview ", "") if is_preview else ("", "; av1, prores_4444 and ffv1 keep the size")
        yield f"pictures {whose}padded from {sizes} by repeating the edge, to whole chroma samples{advice}"


def _transport_notices(info: VideoInfo, companions: Companions) -> Iterator[str]:
    if companions.chapters:
        yield "chapters dropped: TS can't hold them; MKV, MP4 and MOV can"
    if info.display_matrix is not None:
        yield "TS carries no rotation: the pictures are written as coded."


def _muxer_options(container: Container, info: VideoInfo, streams: list[Stream]) -> dict[str, str]:
    if container is Container.MKV:
        # Header and clusters would carry checksums, which patching in place makes wrong. And sound that starts
        # before 0, as primed AAC does, would move all pictures; a block's time is signed and holds it as it is.
        return {"write_crc32": "0", "avoid_negative_ts": "disabled"}
    if container is Container.TS:
        return {"max_delay": str(_CLOCK_LEAD)}
    return {"movflags": "+faststart", "movie_timescale": str(_movie_timescale(info, streams))}


def _movie_timescale(info: VideoInfo, streams: list[Stream]) -> int:
    """Units a second in which a late start is stated: a multiple of each track's where that fits.

    FFmpeg's default of 1000 rounds the start of a track, and so every time in it, down to a millisecond.
    """
    scale = info.time_base.denominator
    for units in (1000, *(_timescale(stream) for stream in streams)):
        if lcm(scale, units) <= _MAX_TIMESCALE:
            scale = lcm(scale, units)
    return scale


def _timescale(stream: Stream) -> int:
    """Units a second of the stream's track in MP4: of sound its samples, whatever clock the input had."""
    if isinstance(stream, AudioStream) and stream.codec_context is not None:
        return stream.codec_context.sample_rate or 1
    return stream.time_base.denominator if stream.time_base else 1


def _donor(
    encoder: Encoder, signal: SignalFormat, mastering: MasteringDisplay | None, levels: ContentLight
) -> InputContainer:
    static = (mastering, levels) if mastering is not None else None
    size = (encoder.width, encoder.height)
    return open_donor(encoder.coding, size, encoder.extradata, encoder.tag, signal, static)


def _add_video(output: OutputContainer, donor: InputContainer, container: Container, info: VideoInfo) -> VideoStream:
    video = output.add_stream_from_template(donor.streams.video[0], opaque=True)
    video.time_base = info.time_base
    video.disposition = Disposition.default
    video.codec_context.sample_aspect_ratio = info.sample_aspect_ratio
    video.codec_context.framerate = info.frame_rate or Fraction(0)  # the donor's is the encoder's fallback
    if info.display_matrix is not None:
        video.set_display_matrix(info.display_matrix)
    return video


def _make_room(metadata: dict[str, str]) -> None:
    """At the end of the title, however its key is written: of several FFmpeg takes the last."""
    key = next((key for key in reversed(metadata) if key.lower() == "title"), "title")
    metadata[key] = metadata.get(key, "") + ROOM


def _name_coding(context: VideoCodecContext, encoder: Encoder, container: Container, profile: str | None) -> None:
    """What the file calls its coding, where there are several names."""
    if encoder.coding is Coding.HEVC and container in (Container.MP4, Container.MOV):
        context.codec_tag = "hvc1"  # Apple's players refuse hev1
    if encoder.tag:
        context.codec_tag = encoder.tag  # the donor's ProRes is taken for 422 HQ, whichever it is
    if profile is not None:
        context.profile = profile  # by which MOV tells DNxHR (AVdh) from DNxHD


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turns known failures to write into an OutputError that says what to do."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        refusal = OSError(error.errno, error.strerror)  # an FFmpegError is not always one
        if not is_refusal(refusal):
            raise
        raise output_error(path, refusal) from error


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())

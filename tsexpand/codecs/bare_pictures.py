"""Pictures one after the other, without times or sound: YUV4MPEG2, and raw video without any header."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from ..colour.signal import SignalFormat
from ..colour.ycbcr import Planes
from ..frames import Packets, Timing, VideoInfo
from .companions import Companions
from .y4m import FALLBACK_RATE, FRAME, planes_bytes, stream_header


class Writable(Protocol):
    """What takes bytes."""

    def write(self, data: bytes) -> int:
        """Takes all of them; see `sinks.byte_stream.ByteStream.write`."""
        ...


class BarePictures:
    """Writes 10-bit 4:2:0 pictures to a stream.

    Args:
        stream: where to.
        has_header: whether as YUV4MPEG2, or raw.
        info: of the pictures.
        signal: HDR10 or HLG10.
        companions: which are not written.
    """

    def __init__(
        self, stream: Writable, has_header: bool, info: VideoInfo, signal: SignalFormat, companions: Companions
    ) -> None:
        self._stream = stream
        self._has_header = has_header
        self._info = info
        self._signal = signal
        self._has_companions = bool(companions.streams or companions.chapters)
        self._step = 1 / (info.frame_rate or FALLBACK_RATE)
        self._begin: Fraction | None = None
        self._count = self._displaced = 0
        if has_header:
            stream.write(stream_header(info))

    @property
    def notices(self) -> tuple[str, ...]:
        """What it can't carry, and what the reader must so be told."""
        return tuple(self._notices())

    def _notices(self) -> Iterator[str]:
        name = "y4m" if self._has_header else "raw video"
        if not self._has_header:
            yield f"raw video says nothing of itself; FFmpeg must be told: {raw_arguments(self._info, self._signal)}"
        if self._has_companions:
            yield f"{name} carries pictures only: sound, subtitles and chapters are not written."
        if self._info.display_matrix is not None:
            yield f"{name} carries no rotation: the pictures are written as coded."
        if self._info.frame_rate is None:
            yield f"{name} needs a frame rate, and there is none: {FALLBACK_RATE} a second are stated."
        elif self._displaced:
            yield f"{name} carries no times: {self._displaced} pictures are not shown when they were."

    def write(self, planes: Planes, timings: tuple[Timing, ...], packets: Packets) -> None:
        """Writes pictures; see `VideoWriter.write`."""
        for i, timing in enumerate(timings):
            self._begin = timing.seconds if self._begin is None else self._begin
            expected = self._begin + self._count * self._step
            self._displaced += abs(timing.seconds - expected) > self._step / 2
            self._count += 1
            self._stream.write((FRAME if self._has_header else b"") + planes_bytes(tuple(plane[i] for plane in planes)))

    def finish(self) -> None:
        """There is nothing at the end."""

    def close(self) -> None:
        """Nothing is open."""


def raw_arguments(info: VideoInfo, signal: SignalFormat) -> str:
    """What `ffmpeg` is told before `-i` so that it reads raw pictures as they are meant."""
    rate = info.frame_rate or FALLBACK_RATE
    size = f"-video_size {info.width}x{info.height} -pixel_format yuv420p10le"
    return f"-f rawvideo {size} -framerate {rate.numerator}/{rate.denominator} {colour_arguments(signal)}"


def colour_arguments(signal: SignalFormat) -> str:
    """What `ffmpeg` is told before `-i` of the colour of raw pictures, HDR10 or HLG10."""
    transfer = {16: "smpte2084", 18: "arib-std-b67"}[signal.transfer]
    return f"-color_range tv -colorspace bt2020nc -color_primaries bt2020 -color_trc {transfer}"

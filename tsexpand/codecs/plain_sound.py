"""Sound decoded to plain samples (PCM) for a container that can't hold it as it is: nothing is lost but space."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import Flags2
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Stream

from .companion_packets import AnyPacket

PLAIN_LAYOUTS = {"1 channels": "mono", "2 channels": "stereo"}
"""What channels are where the input says but how many: MP4 holds no PCM without a layout."""

_SELF_CONTAINED = frozenset({"truehd", "mlp", "flac", "opus", "vorbis"})
"""Codecs, beside PCM in its many forms, that a decoder of our own can decode: others, such as WMA and ADPCM, need the
size of their blocks too, which PyAV does not show."""

JITTER = Fraction(1, 50)
"""Seconds by which stated times may be off, as rounded ones are, before they count more than the number of samples."""

MAX_SILENCE = 3600
"""Seconds of gaps, altogether, that are filled: what a hostile file makes of few bytes."""

_SHORT = frozenset({"s16", "s16p"})
"""FFmpeg's sample formats of which 16 bits hold all; 24 hold what is audible of the others."""


class SoundRecoder:
    """A stream of sound in an output, as PCM.

    Args:
        output: whose header is not yet written.
        source: the input's stream, of which `can_be_decoded` is true.

    Attributes:
        stream: in the output.
        refused: packets that were damaged.

    Raises:
        ValueError, FFmpegError: its channels are too many.
    """

    def __init__(self, output: OutputContainer, source: AudioStream) -> None:
        context = source.codec_context
        self._decoder = _decoder(context)
        codec = "pcm_s16le" if context.format.name in _SHORT else "pcm_s24le"
        layout = PLAIN_LAYOUTS.get(context.layout.name, context.layout.name)
        self.stream = cast(AudioStream, output.add_stream(codec, rate=context.sample_rate, layout=layout))
        self.stream.time_base = Fraction(1, context.sample_rate)
        self.refused = 0
        self._rate = context.sample_rate
        self._silence_left = MAX_SILENCE * context.sample_rate
        self._next: int | None = None  # when the next sample is due, in samples

    def recode(self, packet: AnyPacket, delay: Fraction) -> Iterator[AnyPacket]:
        """The sound of one packet of the source's.

        Args:
            packet: stays as it is.
            delay: seconds to add to its time.
        """
        start = None if packet.pts is None else packet.pts * packet.time_base + delay
        try:
            frames = self._decoder.decode(packet)
            if frames and self._is_due(start):
                yield from self._encoded(chain(self._silence(start, frames[0]), frames))
        except (FFmpegError, ValueError):  # damaged; the latter where rate or channels change
            self.refused += 1

    def flush(self) -> Iterator[AnyPacket]:
        """What is left."""
        yield from self._encoded(self._decoder.decode(None))

    def _late(self, start: Fraction | None) -> int:
        """By how many samples a packet begins behind the end of the one before, where that is more than rounding."""
        if start is None:
            return 0
        stated = round(start * self._rate)
        if self._next is None:
            self._next = stated
        late = stated - self._next
        return late if abs(late) > JITTER * self._rate else 0

    def _is_due(self, start: Fraction | None) -> bool:
        """Whether a packet does not come before its time: sound that is there twice would put off all behind it."""
        if self._late(start) < 0:
            self.refused += 1
            return False
        return True

    def _silence(self, start: Fraction | None, like: AudioFrame) -> Iterator[AudioFrame]:
        """What fills a gap: MOV knows of PCM but the number of its samples, and what is behind would come too early."""
        late = self._late(start)
        if late > self._silence_left:
            raise ValueError("more silence than a file may ask for")
        self._silence_left -= late
        while late > 0:
            frame = AudioFrame(like.format.name, like.layout.name, min(late, self._rate))
            frame.sample_rate = self._rate
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            late -= frame.samples
            yield frame

    def _encoded(self, frames: Iterable[AudioFrame]) -> Iterator[AnyPacket]:
        for frame in frames:
            frame.pts, frame.time_base = self._next or 0, Fraction(1, self._rate)
            self._next = (self._next or 0) + frame.samples
            for packet in self.stream.encode(frame):
                packet.stream = self.stream
                yield packet


def can_be_decoded(source: Stream) -> bool:
    """Whether a stream's packets and what PyAV shows of it are enough."""
    context = source.codec_context
    if not isinstance(context, AudioCodecContext) or not context.sample_rate or context.format is None:
        return False
    codec = context.codec.canonical_name
    return codec.startswith("pcm_") or codec in _SELF_CONTAINED


def _decoder(context: AudioCodecContext) -> AudioCodecContext:
    """One of our own, which leaves out nothing: what is before the beginning keeps its time before it."""
    decoder = cast(AudioCodecContext, av.CodecContext.create(context.codec.name, "r"))
    decoder.extradata = context.extradata
    decoder.sample_rate = context.sample_rate
    decoder.layout = context.layout
    decoder.flags2 |= Flags2.skip_manual
    decoder.open()
    return decoder

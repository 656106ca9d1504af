"""Text subtitles recoded for a container that can't hold them as they are.

FFmpeg's decoders of text all give events of ASS, and its encoders all take them, so bold, italics and colours
survive where both formats have them.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import cast

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from .companion_packets import AnyPacket
from .cues import Cue, Flattener

TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text"})
"""Codecs whose packets are text with a beginning and a duration. (Closed captions are commands to a screen.)"""

ONE_AT_A_TIME = "mov_text"
"""The codec whose cues can't overlap."""

MAX_TEXT = 0xFFFF
"""Bytes at once, as many as a packet of timed text can hold; FFmpeg takes minutes for a megabyte."""

UNSTATED_SECONDS = 5
"""How long a cue is shown that does not say."""

_HEAD = b"0,0,Default,,0,0,0,,"
"""An event before its text: ReadOrder, Layer, Style, Name, MarginL, MarginR, MarginV, Effect."""


class TextRecoder:
    """A subtitle stream in an output, in another codec than the input's.

    Args:
        output: whose header is not yet written.
        source: stream of one of TEXT_CODECS.
        codec: of the output's.

    Attributes:
        stream: in the output.
        refused: packets that were damaged, or too long for a line.

    Raises:
        FFmpegError: its header is damaged.
    """

    def __init__(self, output: OutputContainer, source: Stream, codec: str) -> None:
        self._decoder = _decoder(source)
        self.stream = cast(SubtitleStream, output.add_stream(codec))
        self.stream.codec_context.subtitle_header = self._decoder.subtitle_header
        self.stream.time_base = source.time_base or Fraction(1, 1000)
        self.refused = 0
        self._flattener = Flattener() if codec == ONE_AT_A_TIME else None

    def recode(self, packet: AnyPacket, delay: Fraction) -> Iterator[AnyPacket]:
        """The packets that are settled by one of the source's.

        Args:
            packet: stays as it is.
            delay: seconds to add to its time.
        """
        cue = None
        try:
            if packet.size > MAX_TEXT:
                self.refused += 1
            else:
                cue = self._cue(packet, delay)
        except FFmpegError:  # damaged text
            self.refused += 1
        if cue is not None:
            yield from self._encoded((cue,) if self._flattener is None else self._flattener.add(cue))

    def flush(self) -> Iterator[AnyPacket]:
        """What is left."""
        if self._flattener is not None:
            yield from self._encoded(self._flattener.flush())

    def _cue(self, packet: AnyPacket, delay: Fraction) -> Cue | None:
        """The cue of a packet; None where there is no text, as between cues of MP4, or where it is over before 0."""
        decoded = self._decoder.decode2(packet)
        texts = [_styled(event.ass) for event in decoded or () if isinstance(event, AssSubtitle)]
        if packet.pts is None or not any(texts):
            return None
        start = packet.pts * packet.time_base + delay
        duration = (packet.duration or 0) * packet.time_base or UNSTATED_SECONDS
        unit = self.stream.time_base
        assert unit is not None  # the header is written
        begin = round(start / unit)
        end = max(begin + 1, round((start + duration) / unit))
        return Cue(max(0, begin), end, rb"\N".join(texts)) if end > 0 else None

    def _encoded(self, cues: Iterable[Cue]) -> Iterator[AnyPacket]:
        unit = self.stream.time_base
        assert unit is not None  # the header is written
        for cue in cues:
            packet = self._coded(cue.text)
            if packet is None:
                self.refused += 1
                continue
            packet.pts = packet.dts = cue.begin
            packet.duration, packet.time_base, packet.stream = cue.end - cue.begin, unit, self.stream
            yield packet

    def _coded(self, text: bytes) -> AnyPacket | None:
        """A packet without a time; None where the text is more than it can hold."""
        if len(text) > MAX_TEXT:
            return None
        try:
            return self.stream.codec_context.encode_subtitle(SubtitleSet.create(_HEAD + text, 0, 1))
        except FFmpegError:
            return None


def _styled(event: bytes) -> bytes:
    """The text of an event, with its style as an override where that is not the default."""
    *head, text = event.split(b",", _HEAD.count(b","))
    style = head[2] if len(head) > 2 else b""
    return text if style in (b"", b"Default") else rb"{\r" + style.replace(b"}", b"") + b"}" + text


def _decoder(source: Stream) -> SubtitleCodecContext:
    """One of our own: the input's belongs to the thread that reads it."""
    context = cast(SubtitleCodecContext, av.CodecContext.create(source.codec_context.codec.name, "r"))
    context.extradata = source.codec_context.extradata
    context.open()
    return context

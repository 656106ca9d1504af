"""What is known of a clip once it has been read."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Self, cast

from ..codecs.companions import Companions
from ..frames import SignalBatch

_EMPTY_TEXT = 2
"""Bytes of a packet of MP4's text between lines: its length, 0."""


@dataclass(slots=True)
class Clip:
    """Times of pictures, and what came of each other stream, called "audio 1" and so on.

    Attributes:
        names: of the other streams, by their index.
        codecs: of each, by name.
        uncompressed: those streams of sound.
        times: of the pictures, seconds.
        begins: of each other stream: when its first packet comes, seconds.
        counts: likewise, how many packets, or bytes of uncompressed sound.
    """

    names: dict[int, str]
    codecs: dict[str, str]
    uncompressed: frozenset[str]
    times: list[Fraction] = field(default_factory=list)
    begins: dict[str, Fraction] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def beside(cls, companions: Companions) -> Self:
        """One of which nothing has been read, with these other streams."""
        counts: dict[str, int] = {}
        names, codecs = {}, {}
        for stream in companions.streams:
            if stream.type in ("audio", "subtitle"):
                counts[stream.type] = counts.get(stream.type, 0) + 1
                name = names[stream.index] = f"{stream.type} {counts[stream.type]}"
                codecs[name] = stream.name or ""
        return cls(names, codecs, frozenset(n for n, codec in codecs.items() if codec.startswith("pcm_")))

    def add(self, batch: SignalBatch) -> None:
        """Takes in a batch."""
        self.times += [timing.seconds for timing in batch.timings]
        for packet in cast(tuple[Any, ...], batch.packets):
            stream = self.names.get(packet.stream.index)
            if stream is None or (self.codecs[stream] == "mov_text" and packet.size <= _EMPTY_TEXT):
                continue
            # Containers divide uncompressed sound as they like.
            amount = packet.size if stream in self.uncompressed else 1
            self.counts[stream] = self.counts.get(stream, 0) + amount
            if packet.pts is not None:
                self.begins.setdefault(stream, packet.pts * packet.time_base)

"""Packets, chapters and metadata of the input, brought into the output."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.error import InvalidDataError
from av.rational import AVRational
from av.stream import Stream

from ..frames import Packets
from .carriage import Carried, Container, Recoder, add_to, lasting, sort_streams, title_of
from .companion_packets import AnyPacket
from .companions import Companions

__all__ = ["Container", "Passthrough", "lasting", "sort_streams"]


class Passthrough:
    """Brings packets of kept streams into an output whose header is not yet written.

    Args:
        output: open for writing.
        streams: that it can hold.
        companions: chapters and metadata.

    Attributes:
        delay: seconds added to the times of all packets.
    """

    def __init__(self, output: OutputContainer, streams: list[Carried], companions: Companions) -> None:
        self.delay = Fraction(0)
        self._output = output
        # Matroska's milliseconds are longer than packets of TrueHD, of which several begin in the same one.
        self._is_strict = output.format.name != Container.MKV.value
        self._streams = {carried.stream.index: add_to(output, carried) for carried in streams}
        self._titles = {carried.stream.index: title_of(carried.stream) for carried in streams}
        self._ends: dict[int, int] = {}
        self._repairs: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        output.set_chapters([dict(chapter) for chapter in companions.chapters])  # type: ignore[misc]
        output.metadata.update(lasting(companions.metadata))

    @property
    def notices(self) -> tuple[str, ...]:
        """What had to be repaired or dropped so far, a sentence each."""
        repaired = (f"{title}: repaired the times of {count} packets" for title, count in self._repairs.items())
        recoders = ((self._titles[i], t) for i, t in self._streams.items() if isinstance(t, Recoder))
        lost = self._refused + Counter({title: recoder.refused for title, recoder in recoders})
        refused = (f"{count} damaged packets of {title} are not kept." for title, count in lost.items())
        return (*repaired, *refused)

    def mux(self, packets: Packets) -> None:
        """Writes packets of the input's streams, bytes unchanged where they are not recoded; passes others over."""
        for packet in packets:
            assert isinstance(packet, av.Packet)
            target = self._streams.get(packet.stream.index)
            if target is None or not packet.size:
                continue
            if isinstance(target, Recoder):
                self._write(target, target.recode(packet, self.delay))
            else:
                self._copy(packet, target)

    def flush(self) -> None:
        """Writes what was held back, at the end."""
        for target in self._streams.values():
            if isinstance(target, Recoder):
                self._write(target, target.flush())

    def _write(self, recoder: Recoder, packets: Iterator[AnyPacket]) -> None:
        for packet in packets:
            self._put_in_order(packet, recoder.stream)
            self._output.mux(packet)

    def _copy(self, packet: "av.Packet[Any]", target: Stream) -> None:
        """Muxes, then restores the packet: muxing changes its clock, and another output may be next."""
        source, clock = packet.stream, (packet.time_base, packet.pts, packet.dts, packet.duration)
        assert target.time_base is not None  # the header is written
        packet.rescale_ts(AVRational(target.time_base.numerator, target.time_base.denominator))
        _delay(packet, round(self.delay / target.time_base))
        if target.type != "subtitle" or _clip(packet):
            self._mux(packet, target, self._titles[source.index])
        packet.stream = source
        packet.time_base, packet.pts, packet.dts, packet.duration = clock

    def _mux(self, packet: "av.Packet[Any]", target: Stream, title: str) -> None:
        if self._put_in_order(packet, target):
            self._repairs[title] += 1
        packet.stream = target
        try:
            self._output.mux(packet)
        except InvalidDataError:  # of the muxer's own filter, such as ADTS to MP4's AAC, in front of all interleaving
            self._refused[title] += 1

    def _put_in_order(self, packet: "av.Packet[Any]", target: Stream) -> bool:
        """Makes the decoding times rise, as muxers demand and damaged files don't; whether it had to.

        A sound that does not say how long it is lasts as long as the one before: MP4 would cut the last one off.
        """
        end = self._ends.get(target.index)
        stated = packet.pts if packet.dts is None else packet.dts
        floor = stated if end is None else end + (target.type == "audio" and self._is_strict)
        dts = max((time for time in (stated, floor) if time is not None), default=0)
        pts = dts if packet.pts is None else max(packet.pts, dts)
        changed = (packet.pts, packet.dts) != (pts, dts)
        packet.pts, packet.dts = pts, dts
        if target.type == "audio" and not packet.duration and end is not None:
            packet.duration = dts - end
        self._ends[target.index] = dts
        return changed


def _delay(packet: "av.Packet[Any]", ticks: int) -> None:
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks


def _clip(packet: "av.Packet[Any]") -> bool:
    """Lets what is shown from before 0 on, as at the start of an excerpt, begin at 0; False where it is over."""
    if packet.pts is None or packet.pts >= 0:
        return True
    end = packet.pts + packet.duration if packet.duration else None  # pictures often don't say
    packet.pts = packet.dts = 0
    packet.duration = max(0, end or 0)
    return end is None or end > 0

"""Packets of audio and subtitles on their way from the demuxer to the muxer."""

from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from av.packet import Packet
from av.stream import Stream

from ..errors import InputError

MAX_WAITING = 1 << 29
"""Bytes of packets that may wait for the pictures beside them: many minutes of uncompressed audio."""

if TYPE_CHECKING:
    AnyPacket = Packet[Stream]
else:
    AnyPacket = Packet  # generic in the stubs only


class CompanionPackets:
    """Holds packets in file order until pictures are ready that they can go with.

    Args:
        name: of the input, for errors.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: deque[AnyPacket] = deque()
        self._bytes = 0

    def add(self, packet: AnyPacket) -> None:
        """Takes a packet from the demuxer; the empty ones that end a stream are not kept.

        Raises:
            InputError: the input keeps sound and pictures too far apart to hold what lies between.
        """
        if packet.size == 0 and packet.dts is None:
            return
        self._waiting.append(packet)
        self._bytes += packet.size
        if self._bytes > MAX_WAITING:
            raise InputError(f"{self._name}: {MAX_WAITING >> 20} MiB of audio without a picture; remux it interleaved")

    def clear(self) -> None:
        """Forgets what waits, after a seek."""
        self._waiting.clear()
        self._bytes = 0

    def drop_before(self, begin: Fraction) -> None:
        """Drops what ends before a time: it belongs to pictures that are not wanted."""
        self._keep(p for p in self._waiting if _ends_after(p, begin))

    def take(self, begin: Fraction | None, end: Fraction | None) -> tuple[AnyPacket, ...]:
        """Hands over what belongs to the pictures so far.

        Args:
            begin: seconds; packets that end before are dropped, and times are moved so that this is 0.
                None: all are kept as they are.
            end: seconds; packets from here on keep waiting. None: all are due.

        Returns:
            In file order, with times in their own time base.
        """
        due = [p for p in self._waiting if end is None or packet_time(p) < end]
        self._keep(p for p in self._waiting if end is not None and packet_time(p) >= end)
        if begin is None:
            return tuple(due)
        return tuple(_moved(p, begin) for p in due if _ends_after(p, begin))

    def _keep(self, packets: Iterable[AnyPacket]) -> None:
        self._waiting = deque(packets)
        self._bytes = sum(p.size for p in self._waiting)


def packet_time(packet: AnyPacket) -> Fraction:
    """When a packet begins, in seconds; 0 where it does not say."""
    pts = packet.pts if packet.pts is not None else packet.dts
    return (pts or 0) * packet.time_base


def _ends_after(packet: AnyPacket, begin: Fraction) -> bool:
    return packet_time(packet) >= begin or packet_time(packet) + (packet.duration or 0) * packet.time_base > begin


def _moved(packet: AnyPacket, begin: Fraction) -> AnyPacket:
    shift = round(begin / packet.time_base)
    if packet.pts is not None:
        packet.pts -= shift
    if packet.dts is not None:
        packet.dts -= shift
    return packet

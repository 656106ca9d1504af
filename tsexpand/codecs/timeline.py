"""The times of decoded pictures: exact, in one time base, strictly increasing."""

from fractions import Fraction

import av

from ..frames import Timing
from .frame_rate import MAX_UNCONFIRMED


class Timeline:
    """Gives each picture its time, and repairs what is missing or does not increase.

    Args:
        time_base: of the stream.
        frame_rate: for steps where a duration is not known; may be absent.
        by_packets: whether pictures come at the times of the packets that let them out, later by what the first was: of
            a container that counts packets in order of decoding, and knows no other.

    Attributes:
        repaired: pictures whose time was made up.
    """

    def __init__(self, time_base: Fraction, frame_rate: Fraction | None, by_packets: bool = False) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (frame_rate * time_base))) if frame_rate else 1
        self._previous: Timing | None = None
        self._by_packets = by_packets
        self._delay: int | None = None
        self.repaired = 0

    def place(self, frame: av.VideoFrame) -> Timing:
        """The time of the next picture in order of display."""
        stated = self._stated(frame)
        pts = self._expected() if stated is None else stated
        if self._previous is not None:
            pts = max(pts, self._previous.pts + 1)
        self.repaired += pts != stated
        self._previous = Timing(pts, self._time_base, self._duration(frame, pts))
        return self._previous

    def _duration(self, frame: av.VideoFrame, pts: int) -> int:
        stated = self._units(frame, frame.duration) or 0
        if stated != 1 or self._time_base * MAX_UNCONFIRMED >= 1:
            return stated
        # One tick, which is too short, is what some muxers write that do not know: it is as long as the one before was.
        return 0 if self._previous is None else pts - self._previous.pts

    def _stated(self, frame: av.VideoFrame) -> int | None:
        pts, dts = (self._units(frame, time) for time in (frame.pts, frame.dts))
        if not self._by_packets:
            return pts if pts is not None else dts
        if self._delay is None and pts is not None and dts is not None:
            self._delay = dts - pts
        if dts is not None:
            return dts - (self._delay or 0)
        return pts if self._previous is None else self._expected()  # the last come without a packet

    def _expected(self) -> int:
        """Where the next picture would be if nothing were missing: the first is at 0."""
        return 0 if self._previous is None else self._previous.pts + (self._previous.duration or self._step)

    def _units(self, frame: av.VideoFrame, time: int | None) -> int | None:
        """A time of a frame in units of our time base."""
        if time is None or frame.time_base is None or frame.time_base == self._time_base:
            return time
        return round(time * frame.time_base / self._time_base)

"""The times of decoded pictures: exact, in one time base, strictly increasing."""

from fractions import Fraction

import av

from ..frames import Timing


class Timeline:
    """Gives each picture its time, and repairs what is missing or does not increase.

    Args:
        time_base: of the stream.
        frame_rate: for steps where a duration is not known; may be absent.

    Attributes:
        repaired: pictures whose time was made up.
    """

    def __init__(self, time_base: Fraction, frame_rate: Fraction | None) -> None:
        self._time_base = time_base
        self._step = max(1, round(1 / (frame_rate * time_base))) if frame_rate else 1
        self._previous: Timing | None = None
        self.repaired = 0

    def place(self, frame: av.VideoFrame) -> Timing:
        """The time of the next picture in order of display."""
        stated = self._units(frame, frame.pts if frame.pts is not None else frame.dts)
        pts = self._expected() if stated is None else stated
        if self._previous is not None:
            pts = max(pts, self._previous.pts + 1)
        self.repaired += pts != stated
        self._previous = Timing(pts, self._time_base, self._units(frame, frame.duration) or 0)
        return self._previous

    def _expected(self) -> int:
        """Where the next picture would be if nothing were missing: the first is at 0."""
        return 0 if self._previous is None else self._previous.pts + (self._previous.duration or self._step)

    def _units(self, frame: av.VideoFrame, time: int | None) -> int | None:
        """A time of a frame in units of our time base."""
        if time is None or frame.time_base is None or frame.time_base == self._time_base:
            return time
        return round(time * frame.time_base / self._time_base)

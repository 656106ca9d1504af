"""The light of a clip in little space: 16 bytes a frame and 140 a shot, 10 MB for three hours at 60 frames a second."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

from ...colour.active_area import ActiveArea, ActiveAreaMeter
from ...colour.hdr10 import ContentLight
from ...colour.light_statistics import FrameStatistics, ShotMeter, ShotStatistics
from ...frames import Timing
from ...temporal.shots import is_cut


@dataclass(frozen=True, slots=True)
class Shot:
    """A shot, where it begins (frames from 0) and its light."""

    first: int
    statistics: ShotStatistics


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: when it is shown, MaxRGB of its brightest pixel and on average (cd/m²), and the number of its shot."""

    pts: int
    max_rgb: float
    average: float
    shot: int


class LightRecord:
    """Takes in frames, finds cuts between them, and keeps what documents tell."""

    def __init__(self) -> None:
        self._pts = array("q")
        self._peaks = array("f")
        self._averages = array("f")
        self._starts = array("q")
        self._shots = array("d")
        self._shot = ShotMeter()
        self._area = ActiveAreaMeter()
        self._thumbnail: Tensor | None = None
        self._time_base: Fraction | None = None

    def add(self, statistics: FrameStatistics, timings: Sequence[Timing], thumbnails: Tensor) -> None:
        """Takes in a batch, all of it on the CPU."""
        self._area.add(statistics.rows, statistics.columns)
        self._peaks.extend(statistics.channels.amax(dim=1).tolist())
        self._averages.extend(statistics.average.tolist())
        for number, timing in enumerate(timings):
            self._time_base = self._time_base or timing.time_base
            if timing.time_base != self._time_base:
                raise ValueError(f"time base {timing.time_base} is not {self._time_base}, that of the frames before")
            self._cut(thumbnails[number])
            self._shot.add(statistics, number)
            self._pts.append(timing.pts)

    def _cut(self, thumbnail: Tensor) -> None:
        if self._thumbnail is not None and is_cut(self._thumbnail, thumbnail):
            self._end_shot()
        self._thumbnail = thumbnail

    def _end_shot(self) -> None:
        self._starts.append(len(self._pts) - self._shot.frames)
        self._shots.extend(self._shot.statistics.numbers())
        self._shot = ShotMeter()

    def finish(self) -> None:
        """Ends the last shot; there are no more frames."""
        if self._shot.frames:
            self._end_shot()

    def __len__(self) -> int:
        return len(self._pts)

    @property
    def time_base(self) -> Fraction:
        """Of all pts; 1 where there are no frames."""
        return self._time_base or Fraction(1)

    @property
    def content_light(self) -> ContentLight:
        """MaxCLL and MaxFALL of the frames so far."""
        return ContentLight.of(max(self._peaks, default=0.0), max(self._averages, default=0.0))

    @property
    def active_area(self) -> ActiveArea:
        """Where there is a picture in any of the frames so far."""
        return self._area.area

    @property
    def shots(self) -> Iterator[Shot]:
        """Those that have ended, in order."""
        size = ShotStatistics.NUMBERS
        for number, first in enumerate(self._starts):
            numbers = self._shots[number * size : (number + 1) * size].tolist()
            yield Shot(first, ShotStatistics.of_numbers(numbers))

    @property
    def frames(self) -> Iterator[Frame]:
        """Those of the shots that have ended, in order."""
        for number, shot in enumerate(self.shots):
            for i in range(shot.first, shot.first + shot.statistics.frames):
                yield Frame(self._pts[i], self._peaks[i], self._averages[i], number)

"""Time codes: hours, minutes, seconds and frames as a label of each picture (SMPTE ST 12-1)."""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Self

_LABEL = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.,])(\d\d)")


@dataclass(frozen=True, slots=True)
class TimeCode:
    """The label of one picture.

    Attributes:
        count: of pictures since midnight.
        nominal: labels a second, the frame rate rounded up.
        is_drop: whether labels are left out, two at the start of each minute but the tenths (at 30), so
            that the labels of 30000/1001 frames a second keep up with the clock.
    """

    count: int
    nominal: int
    is_drop: bool = False

    @classmethod
    def parse(cls, text: str, frame_rate: Fraction) -> Self | None:
        """A time code such as "10:00:00:00", or "01:00:00;02" with dropped labels; None where it is none."""
        match = _LABEL.fullmatch(text.strip())
        if match is None:
            return None
        hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
        nominal = ceil(frame_rate)
        if hours >= 24 or frames >= nominal:
            return None
        is_drop = match[4] != ":" and nominal % 30 == 0 and frame_rate != nominal
        past = hours * 60 + minutes
        dropped = (past - past // 10) * _dropped(nominal) if is_drop else 0
        return cls((past * 60 + seconds) * nominal + frames - dropped, nominal, is_drop)

    def later(self, frames: int) -> "TimeCode":
        """The label of the picture that many later."""
        return TimeCode(self.count + frames, self.nominal, self.is_drop)

    @property
    def fields(self) -> tuple[int, int, int, int]:
        """Hours, minutes, seconds, frames; after a day they begin anew."""
        label = self.count
        if self.is_drop:
            dropped = _dropped(self.nominal)
            minute = 60 * self.nominal - dropped  # pictures in it; the tenth has `dropped` more
            tens, rest = divmod(self.count, 10 * minute + dropped)
            label += 9 * dropped * tens + dropped * max(0, (rest - dropped) // minute)
        seconds, frames = divmod(label, self.nominal)
        return seconds // 3600 % 24, seconds // 60 % 60, seconds % 60, frames

    def __str__(self) -> str:
        hours, minutes, seconds, frames = self.fields
        return f"{hours:02}:{minutes:02}:{seconds:02}{';' if self.is_drop else ':'}{frames:02}"


def _dropped(nominal: int) -> int:
    """Labels left out in a minute: 2 of 30, 4 of 60."""
    return nominal // 15

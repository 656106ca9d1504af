"""What a part of a clip says of itself: its own first time code, and chapters on its own clock."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from math import floor
from typing import Any, Self

from ..frames import VideoInfo
from .companions import Companions
from .time_code import TimeCode


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a clip as it is foreseen before its pictures are decoded: they come at the nominal rate.

    Attributes:
        begin: of its first picture, in seconds on the input's clock; absent where it is the clip's first.
        end: of its last picture, likewise; absent where it is the clip's last, or the frame rate is unknown.
        number: of pictures of the clip before it, 0 where the frame rate is unknown.
    """

    begin: Fraction | None
    end: Fraction | None
    number: int

    @classmethod
    def foresee(cls, info: VideoInfo, first: Fraction, start: Fraction | None, frames: int | None) -> Self:
        """The part from `start` seconds behind the clip's first picture, of so many frames."""
        number, begin = 0, first + (start or 0)
        if start and info.frame_rate:
            number = _number(start, info.frame_rate, info.time_base)
            begin = first + number / info.frame_rate
        end = begin + frames / info.frame_rate if frames is not None and info.frame_rate else None
        return cls(None if start is None else begin, end, number)

    def info(self, info: VideoInfo) -> VideoInfo:
        """With the time code of the excerpt's first picture; none where it can't be known."""
        if info.time_code is None or self.begin is None:
            return info
        code = TimeCode.parse(info.time_code, info.frame_rate) if info.frame_rate else None
        return replace(info, time_code=str(code.later(self.number)) if code else None)

    def companions(self, companions: Companions, info: VideoInfo) -> Companions:
        """With the chapters that the excerpt touches, cut to it, and the time code of its `info`."""
        moved = (self._chapter(chapter) for chapter in companions.chapters)
        return replace(
            companions,
            chapters=tuple(chapter for chapter in moved if chapter["end"] > chapter["start"]),
            metadata=_with_time_code(companions.metadata, info.time_code),
            video_metadata=_with_time_code(companions.video_metadata, info.time_code),
        )

    def _chapter(self, chapter: Mapping[str, Any]) -> Mapping[str, Any]:
        """One on the excerpt's clock, empty where it lies outside."""
        unit = Fraction(chapter["time_base"])
        shift = round((self.begin or 0) / unit)
        start = chapter["start"] if self.begin is None else max(0, chapter["start"] - shift)
        end = chapter["end"] - shift
        if self.end is not None:
            end = min(end, round(self.end / unit) - shift)
        return {**chapter, "start": start, "end": end}


def _number(start: Fraction, frame_rate: Fraction, time_base: Fraction) -> int:
    """Of the first picture at or behind a time, where pictures' times are rounded to units of the clock."""
    tick = frame_rate * time_base
    candidates = count(max(0, floor(start * frame_rate) - 1))
    return next(n for n in candidates if round(n / tick) * time_base >= start)


def _with_time_code(metadata: Mapping[str, str], time_code: str | None) -> dict[str, str]:
    """The tags with another time code in the place of theirs, if they have one."""
    others = {key: text for key, text in metadata.items() if key.lower() != "timecode"}
    had_one = len(others) < len(metadata)
    return {**others, "timecode": time_code} if had_one and time_code else others

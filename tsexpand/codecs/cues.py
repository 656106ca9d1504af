"""Lines of subtitles in time, and how they become a track in which each ends before the next begins."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_SHOWN = 32
"""Cues at once, more than fit on a screen; beyond, the oldest goes. It bounds what a hostile file makes of a little."""

_NEXT = rb"\N{\r}"
"""A new line, in the cue's own style."""


@dataclass(frozen=True, slots=True)
class Cue:
    r"""What is shown for a time.

    Attributes:
        begin: in units of some time base.
        end: likewise, after `begin`.
        text: of an ASS event: `\N` begins a new line, braces hold overrides.
    """

    begin: int
    end: int
    text: bytes

    def __post_init__(self) -> None:
        if self.begin >= self.end:
            raise ValueError(f"a cue from {self.begin} to {self.end} is never shown")


class Flattener:
    """Makes cues that overlap into cues that don't: each says all that is shown at its time.

    A track of timed text in MP4 shows one sample at a time; what began earlier would vanish.

    Reference:
        3GPP TS 26.245, 5.2.
    """

    def __init__(self) -> None:
        self._shown: list[Cue] = []  # from now on
        self._now = 0

    def add(self, cue: Cue) -> Iterator[Cue]:
        """Takes a cue and gives what is settled by it; one that comes late loses what has passed."""
        yield from self._until(max(cue.begin, self._now))
        if cue.end > self._now:
            self._shown = [*self._shown, cue][-MAX_SHOWN:]

    def flush(self) -> Iterator[Cue]:
        """What is left."""
        yield from self._until(max((cue.end for cue in self._shown), default=self._now))

    def _until(self, time: int) -> Iterator[Cue]:
        while self._shown and self._now < time:
            end = min(time, *(cue.end for cue in self._shown))
            yield Cue(self._now, end, _NEXT.join(cue.text for cue in self._shown))
            self._now = end
            self._shown = [cue for cue in self._shown if cue.end > end]
        self._now = time

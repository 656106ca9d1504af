"""How far a conversion is, and what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..colour.hdr10 import ContentLight
from ..flow import StageTimes
from ..frames import VideoInfo


@dataclass(frozen=True, slots=True)
class ConvertProgress:
    """How far a conversion is: frames written, of how many if known, per second, and what holds it up."""

    frames: int
    total: int | None
    frames_per_second: float
    bottleneck: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that a stage worked, and that it waited for the one before or the one after it."""

    busy: float
    waited: float


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What was done.

    Attributes:
        source: what was read, and what was assumed of it.
        outputs: that were written, by the names that they have.
        frames: in each of them.
        seconds: that it took.
        engine: network, device, precision, tiles.
        stages: where the time of each went, first to last.
        bottleneck: the stage that worked longest.
        content_light: of the video, if one was written.
        notices: what a user should know, a sentence each.
        interrupted: whether the outputs are only what was converted before Ctrl-C or SIGTERM.
    """

    source: VideoInfo
    outputs: tuple[Path, ...]
    frames: int
    seconds: float
    engine: str
    stages: dict[str, Spent]
    bottleneck: str
    content_light: ContentLight | None
    notices: tuple[str, ...]
    interrupted: bool = False


def time_spent(times: Sequence[StageTimes], elapsed: float) -> dict[str, Spent]:
    """Where the time of each stage went.

    Args:
        times: of the stages of a chain, first to last.
        elapsed: in all.

    Returns:
        One entry a stage, and "write" for the thread that consumes the last.
    """
    starved = 0.0  # the wait for the stage before, which is part of what a stage was measured to work
    spent = {}
    for stage in times:
        spent[stage.name] = Spent(max(0.0, stage.busy - starved), starved + stage.blocked)
        starved = stage.starved
    return {**spent, "write": Spent(max(0.0, elapsed - starved), starved)}

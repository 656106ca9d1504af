"""HDR10+ metadata as `hdr10plus_tool inject` takes it: profile A, which leaves tone mapping to the display.

Every frame carries the statistics of its shot: the metadata is of scenes (SMPTE ST 2094-40), and a display that follows
it then does not change within one.

Reference:
    hdr10plus_tool, the structures that it reads JSON into and what it validates.
"""

from collections.abc import Iterator

from ... import __version__
from ...colour.light_statistics import PERCENTILES, ShotStatistics
from .json_lines import json_lines
from .record import LightRecord

_INDEX = [1, 5, 10, 25, 50, 75, 90, 95, 99]
"""Of the distribution. These are names: 5 is DistributionY99, 10 is DistributionY100nit, 99 is 99.98 %."""

_UNIT = 10
"""Steps in a cd/m²."""

_MOST = 100_000


def hdr10plus_lines(record: LightRecord) -> Iterator[str]:
    """The document, line by line; the record is finished."""
    shots = [(shot.first, shot.statistics.frames) for shot in record.shots]
    return json_lines(
        {
            "JSONInfo": {"HDR10plusProfile": "A", "Version": "1.0"},
            "SceneInfo": _frames(record),
            "SceneInfoSummary": {
                "SceneFirstFrameIndex": [first for first, _ in shots],
                "SceneFrameNumbers": [frames for _, frames in shots],
            },
            "ToolInfo": {"Tool": "tsexpand", "Version": __version__},
        }
    )


def _frames(record: LightRecord) -> Iterator[dict[str, object]]:
    for number, shot in enumerate(record.shots):
        luminance = luminance_parameters(shot.statistics)
        for frame in range(shot.statistics.frames):
            yield {
                "LuminanceParameters": luminance,
                "NumberOfWindows": 1,
                "TargetedSystemDisplayMaximumLuminance": 0,
                "SceneFrameIndex": frame,
                "SceneId": number,
                "SequenceFrameIndex": shot.first + frame,
            }


def luminance_parameters(statistics: ShotStatistics) -> dict[str, object]:
    """What HDR10+ says of a shot, in tenths of a cd/m²; the third of the distribution in per cent."""
    lowest, *levels = map(_steps, statistics.levels)
    values = [lowest, _steps(statistics.nearly_all), round(statistics.below), *levels]
    assert len(values) == len(_INDEX) == len(PERCENTILES) + 2
    return {
        "AverageRGB": _steps(statistics.average),
        "LuminanceDistributions": {"DistributionIndex": _INDEX, "DistributionValues": values},
        "MaxScl": [_steps(level) for level in statistics.channels],
    }


def _steps(light: float) -> int:
    return min(_MOST, round(light * _UNIT))

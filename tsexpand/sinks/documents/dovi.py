"""Dolby Vision metadata as `dovi_tool generate` takes it: profile 8.1, levels 1 (per shot), 5 and 6.

Reference:
    dovi_tool, docs/generator.md, and the structures that it reads JSON into.
"""

from collections.abc import Iterator

import torch

from ...colour.active_area import ActiveArea
from ...colour.hdr10 import MasteringDisplay
from ...colour.light_statistics import ShotStatistics
from ...colour.transfer import pq_inverse_eotf
from .json_lines import json_lines
from .record import LightRecord, Shot

_HIGHEST = 4095
"""The PQ signal 1 in 12 bit."""

_MIN_AT_MOST, _MAX_AT_LEAST, _AVG_AT_LEAST = 12, 2081, 1229
"""What content mapping 4.0 allows in level 1: dovi_tool clamps what it takes from HDR10+, but not what it is given."""

_BLACK_UNIT = 10000
"""Steps of the mastering display's lowest luminance in a cd/m²."""

_MOST_OFFSET = 8191


def dovi_lines(record: LightRecord, mastering: MasteringDisplay) -> Iterator[str]:
    """The document, line by line.

    Args:
        record: finished.
        mastering: the display.
    """
    area, light = record.active_area, record.content_light
    return json_lines(
        {
            "cm_version": "V40",
            "profile": "8.1",
            "length": len(record),
            "source_min_pq": _code_of(mastering.black),
            "source_max_pq": _code_of(mastering.peak),
            "level5": _level5(area),
            "level6": {
                "max_display_mastering_luminance": round(mastering.peak),
                "min_display_mastering_luminance": round(mastering.black * _BLACK_UNIT),
                "max_content_light_level": light.max_cll,
                "max_frame_average_light_level": light.max_fall,
            },
            "shots": (_shot(shot, area) for shot in record.shots),
        }
    )


def _shot(shot: Shot, area: ActiveArea) -> dict[str, object]:
    blocks = [{"Level1": level1(shot.statistics, area.share)}]
    return {"start": shot.first, "duration": shot.statistics.frames, "metadata_blocks": blocks}


def level1(statistics: ShotStatistics, active: float) -> dict[str, int]:
    """Least, largest and mean PQ signal of MaxRGB, in 12 bit, within what is allowed.

    Args:
        statistics: of whole pictures.
        active: share of the picture that is not bars, whose signal is next to 0: the mean is of that alone.
    """
    largest = min(_HIGHEST, max(_MAX_AT_LEAST, _code_of(statistics.peak)))
    mean = round(statistics.signal / active * _HIGHEST)
    return {
        "min_pq": min(_MIN_AT_MOST, _code_of(statistics.darkest)),
        "max_pq": largest,
        "avg_pq": min(largest - 1, max(_AVG_AT_LEAST, mean)),
    }


def _code_of(light: float) -> int:
    return round(float(pq_inverse_eotf(torch.tensor(light, dtype=torch.float64))) * _HIGHEST)


def _level5(area: ActiveArea) -> dict[str, int]:
    """Bars in pixels of the coded picture; of odd sizes HEVC's has one row or column more, a copy of the last."""
    right = area.right + (area.width % 2 if area.right else 0)
    bottom = area.bottom + (area.height % 2 if area.bottom else 0)
    sides = {"left": area.left, "right": right, "top": area.top, "bottom": bottom}
    return {f"active_area_{side}_offset": min(_MOST_OFFSET, bar) for side, bar in sides.items()}

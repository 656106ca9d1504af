"""The sidecar: the light of every frame, and what it takes to make the delivery again; see docs/sidecar.md."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from ...frames import VideoInfo
from .json_lines import json_lines
from .provenance import Provenance, versions
from .record import Frame, LightRecord, Shot

SCHEMA_VERSION = 1
"""Raised where a field changes its meaning or goes; not where one is added."""

_DIGITS = 4
"""Of light: ten thousandths of a cd/m² are PQ's own steps near black."""


def sidecar_lines(
    record: LightRecord, info: VideoInfo, fingerprint: Mapping[str, object], provenance: Provenance, complete: bool
) -> Iterator[str]:
    """The document, line by line.

    Args:
        record: finished.
        info: of the source.
        fingerprint: of the source.
        provenance: of the delivery.
        complete: whether it is all that was wanted.
    """
    return json_lines(
        {
            "schema": "tsexpand sidecar",
            "schema_version": SCHEMA_VERSION,
            "versions": versions(),
            **asdict(provenance),
            "complete": complete,
            "source": {**info.facts(), **fingerprint},
            "light": asdict(record.content_light),
            "active_area": asdict(record.active_area),
            "time_base": str(record.time_base),
            "shots": map(_shot, record.shots),
            "frames": map(_frame, record.frames),
        }
    )


def _shot(shot: Shot) -> dict[str, object]:
    light = shot.statistics
    return {"first": shot.first, "frames": light.frames, **_light(light.peak, light.average)}


def _frame(frame: Frame) -> dict[str, object]:
    return {"pts": frame.pts, **_light(frame.max_rgb, frame.average), "shot": frame.shot}


def _light(max_rgb: float, average: float) -> dict[str, float]:
    return {"max_rgb": round(max_rgb, _DIGITS), "average": round(average, _DIGITS)}

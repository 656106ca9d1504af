"""Conversions for tests: options with defaults, and what came out."""

from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from torch import Tensor

from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.exr import Compression, read_exr
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.colour.signal import HDR10
from tsexpand.convert import ConvertOptions
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.sinks.delivery import DeliveryOptions

IDENTITY = AnalyticEngine(torch.device("cpu"))
"""The engine that shows the SDR picture unchanged."""


def options(source: Path, *outputs: Path, **changes: Any) -> ConvertOptions:
    """Fast encoder settings; `changes` are of ConvertOptions, SourceOptions or DeliveryOptions."""
    delivery: dict[str, Any] = {
        "encoder": EncoderOptions("hevc", 0.0, "ultrafast"),
        "compression": Compression.ZIP,
        "reference_white": 203.0,
        "peak": 1000.0,
        "overwrite": False,
        "signal": HDR10,
        "preview": None,
        "pipe_format": None,
    }
    delivery |= {key: changes.pop(key) for key in list(changes) if key in delivery}
    reading = {f.name: changes.pop(f.name) for f in fields(SourceOptions) if f.name in changes}
    return ConvertOptions(str(source), outputs, DeliveryOptions(**delivery), SourceOptions(**reading), **changes)


def video_codes(path: Path) -> list[np.ndarray]:
    """Y′, Cb, Cr of all frames of a 10-bit 4:2:0 file: (N, h, w) each."""
    planes: list[list[np.ndarray]] = [[], [], []]
    with av.open(path) as container:
        for frame in container.decode(video=0):
            for target, plane in zip(planes, frame.planes, strict=True):
                words = np.frombuffer(plane, np.uint16).reshape(plane.height, plane.line_size // 2)
                target.append(words[:, : plane.width].copy())
    return [np.stack(plane) for plane in planes]


def exr_light(folder: Path) -> Tensor:
    """The pictures of a sequence: (N, 3, H, W), 1 = reference white."""
    return torch.stack([read_exr(path) for path in sorted(folder.glob("*.exr"))])


def seconds(path: Path) -> list[Fraction]:
    """Presentation times of a file's frames."""
    with av.open(path) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]

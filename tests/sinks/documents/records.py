"""Records of known light, and documents read back."""

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from tsexpand.colour.light_statistics import frame_statistics
from tsexpand.frames import Timing
from tsexpand.sinks.documents.record import LightRecord


def grey(level: float, size: tuple[int, int] = (48, 64)) -> Tensor:
    """A flat picture: (3, H, W)."""
    return torch.full((3, *size), float(level))


def letterboxed(level: float, bar: int) -> Tensor:
    """A flat picture between two black bars."""
    picture = grey(level)
    picture[:, :bar] = picture[:, -bar:] = 0
    return picture


def record(shots: Sequence[Sequence[Tensor]], time_base: Fraction = Fraction(1, 24)) -> LightRecord:
    """Of shots of pictures (3, H, W), each frame a batch; thumbnails of one shot are alike."""
    result = LightRecord()
    pts = 0
    for number, shot in enumerate(shots):
        thumbnail = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(number))
        for picture in shot:
            result.add(frame_statistics(picture[None]), (Timing(pts, time_base, 1),), thumbnail)
            pts += 1
    result.finish()
    return result


def read(lines: Iterator[str]) -> Any:
    """A document, parsed."""
    return json.loads("".join(lines))

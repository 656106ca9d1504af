"""Batches of light for tests."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from tsexpand.colour.codes import Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.signal import SignalFormat
from tsexpand.frames import LightBatch, Timing, VideoInfo

SIZE = (48, 64)
SDR = SignalFormat(8, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709)


def video_info(**changes: Any) -> VideoInfo:
    """A plain clip of 64×48."""
    info = VideoInfo(
        "folder/clip.mp4", "mov,mp4", "h264", "yuv420p", SIZE[1], SIZE[0], SDR, Fraction(1, 24), frame_rate=Fraction(24)
    )
    return replace(info, **changes)


def light_batch(
    light: float | Tensor,
    pts: Sequence[int],
    primaries: Primaries = Primaries.BT709,
    time_base: Fraction = Fraction(1, 24),
) -> LightBatch:
    """Frames of light: a level for all, (3,) a colour, (3, H, W) a picture, or (N, 3, H, W)."""
    value = torch.as_tensor(light, dtype=torch.float32)
    if value.ndim == 1:
        value = value[:, None, None]
    size = tuple(value.shape[-2:]) if value.ndim > 2 and value.shape[-1] > 1 else SIZE
    value = value.expand(len(pts), 3, *size)
    timings = tuple(Timing(p, time_base, 1) for p in pts)
    return LightBatch(value.contiguous(), primaries, timings, torch.zeros(len(pts), 3, 32, 32))

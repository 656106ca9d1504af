"""What frames do over time, without holding the clip."""

import math

import torch
from torch import Tensor

SIGMA = 5.0
"""Frames, of the Gaussian that smoothness is measured against, as in the origin."""

RADIUS = 20
"""Frames to which the Gaussian reaches: 4 σ, as in SciPy's `gaussian_filter1d`."""


class ChangeMeter:
    """Mean absolute change from frame to frame.

    Attributes:
        changes: of each frame against the one before; NaN of the first.
    """

    def __init__(self) -> None:
        self.changes: list[float] = []
        self._last: Tensor | None = None

    def add(self, values: Tensor) -> None:
        """Takes in what should not change, such as an error picture."""
        change = math.nan if self._last is None else float((values - self._last).abs().double().mean())
        self.changes.append(change)
        self._last = values

    @property
    def mean(self) -> float:
        """Over the clip, NaN where it has but one frame."""
        known = self.changes[1:]
        return sum(known) / len(known) if known else math.nan


class RoughnessMeter:
    """Sum over pixels and time of (x − G x)²: what a Gaussian in time takes away.

    It holds 41 frames. The ends are reflected: frame −1 is frame 0.

    Reference:
        The origin's `stability_metrics.py`; SciPy's `gaussian_filter1d(x, 5)` along time.
    """

    def __init__(self) -> None:
        weights = torch.exp(-0.5 * (torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64) / SIGMA) ** 2)
        self._weights: list[float] = (weights / weights.sum()).tolist()
        self._frames: dict[int, Tensor] = {}
        self._count = 0
        self._measured = 0
        self._energy = 0.0

    def add(self, frame: Tensor) -> None:
        """Takes in the next frame."""
        self._frames[self._count] = frame
        self._count += 1
        if self._count > RADIUS:
            self._measure()

    def finish(self) -> float:
        """The sum over the whole clip, once it has ended."""
        while self._measured < self._count:
            self._measure()
        return self._energy

    def _measure(self) -> None:
        """Takes the next frame's share; all it needs is there, unless the clip has ended."""
        time = self._measured
        frame = self._frames[time]
        rough = torch.zeros_like(frame)
        for offset, weight in enumerate(self._weights, start=-RADIUS):  # differences, so that still is exactly still
            rough.add_(frame - self._frames[reflected(time + offset, self._count)], alpha=weight)
        self._energy += float(rough.double().square().sum())
        self._frames.pop(time - RADIUS, None)
        self._measured += 1


def reflected(index: int, length: int) -> int:
    """The frame that stands for one beyond the ends: ... 1 0 | 0 1 ... n−1 | n−1 n−2 ..."""
    position = index % (2 * length)
    return min(position, 2 * length - 1 - position)


def smoothness(base: float, prediction: float) -> float:
    """The ratio S = √(base / prediction) of two roughnesses; above 1 the prediction is the smoother.

    Two clips that are perfectly still are equally smooth, 1; a still prediction of a base that moves is ∞.
    """
    if prediction == 0:
        return 1.0 if base == 0 else math.inf
    return math.sqrt(base / prediction)

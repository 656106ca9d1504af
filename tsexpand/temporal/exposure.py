"""Anchoring of relative light: one scale per shot."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import torch
from torch import Tensor

from ..frames import LightBatch
from .shots import Frames, by_shot
from .windows import Neighbourhood, blackman, neighbourhoods, radius_of

DEFAULT_GAIN = math.log2(1000)
"""Log2 gain of a shot without one well exposed pixel so far: relative 1 becomes the 1000 cd/m² of
a common mastering display."""

_OUTLIER = 1.0
"""Stops from the weighted median beyond which a frame pulls the scale no further; the exposure of
the published weights wobbles by 0.24 to 0.49."""


def anchor(batches: Iterable[LightBatch], window: int = 25) -> Iterator[LightBatch]:
    """Turns relative light into cd/m² by a scale that belongs to the shot, not to the frame.

    The scale is fitted where SDR is well exposed (`LightBatch.gains`): a robust mean of the gains
    of the frames around, weighted by how many pixels each was found on and by a centred Blackman
    window; frames beyond a cut are never used. As the look-ahead is bounded it may drift slowly
    within a long shot. A frame without evidence takes the scale of its neighbours, where a whole
    window has none the last scale of the shot, and before the first one `DEFAULT_GAIN`.

    Args:
        batches: relative, with `gains`; those without are absolute and pass unchanged. A change
            from one to the other ends a shot.
        window: frames, odd; half of it is the look-ahead.

    Returns:
        The batches with light in cd/m² and `gains` None.

    Raises:
        ValueError: the window is not odd and positive.
    """
    return _anchor(batches, radius_of(window))


def _anchor(batches: Iterable[LightBatch], radius: int) -> Iterator[LightBatch]:
    for relative, run in groupby(batches, key=lambda batch: batch.gains is not None):
        if relative:
            yield from by_shot(run, lambda shot: _anchor_shot(shot, radius))
        else:
            yield from run


def _anchor_shot(shot: Frames, radius: int) -> Frames:
    weights = blackman(radius)
    scale = DEFAULT_GAIN
    for here in neighbourhoods(shot, radius, _evidence):
        fitted = _robust_mean(*_weighted(here, weights))
        scale = scale if fitted is None else fitted
        yield replace(here.frame, light=here.frame.light * 2**scale, gains=None)


def _evidence(frame: LightBatch) -> Tensor:
    """(2,) float64: log2 gain and the fraction of pixels that it was found on."""
    assert frame.gains is not None
    gain, fraction = frame.gains[0].double()
    # The gain of no pixel at all may be anything, not a number included.
    return torch.stack((gain if fraction > 0 else torch.zeros_like(gain), fraction))


def _weighted(here: Neighbourhood[Tensor], weights: Tensor) -> tuple[Tensor, Tensor]:
    """Gains of the neighbourhood and their weights, both (count,)."""
    gains, fractions = torch.stack(here.near).unbind(dim=1)
    start = len(weights) // 2 - here.position
    return gains, fractions * weights[start : start + len(gains)]


def _robust_mean(values: Tensor, weights: Tensor) -> float | None:
    """Weighted mean with values drawn in to the weighted median; None without any weight."""
    total = weights.sum()
    if total <= 0:
        return None
    order = values.argsort()
    middle = torch.searchsorted(weights[order].cumsum(0), total / 2).clamp_max(len(values) - 1)
    median = values[order][middle]
    drawn_in = values.clamp(median - _OUTLIER, median + _OUTLIER)
    return float((weights * drawn_in).sum() / total)

"""Luminance smoothing: takes flicker out of a shot (`--smooth`).

The idea is that of the temporally stable ExpandNet's post-process (percentiles of luminance, a
25-frame Blackman window), made streaming, centred, mirrored at the ends of a shot, and open
above the highest percentile.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..colour.luminance import luminance
from ..cores import filled
from ..frames import LightBatch
from .shots import Frames, by_shot
from .windows import blackman, mirrored, neighbourhoods, radius_of

_POSITIONS = torch.tensor([0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 99.9, 100]).double() / 100

_SHARES = (pad(_POSITIONS.diff(), (0, 1)) + pad(_POSITIONS.diff(), (1, 0))) / 2
"""Part of the pixels that each percentile stands for; sum 1."""

_FLOOR = 0.01
"""Luminance, cd/m², below which levels count as the same black: a logarithm needs an end."""

_MOST = 1.0
"""Stops that a level is moved at most: flicker is far smaller, and the first frames of a fade from
black, where logarithms run away, are not lit up by the frames that follow."""

_KIN = 0.1
"""Stops within which percentiles move together, so that no noise is stretched between two that
happen to be close. A soft limit, as merging those within a quarter of a stop switched from frame to
frame and tripled the flicker of a steady real clip."""

_SAMPLES = 1 << 16
"""Pixels that the percentiles are taken from, about."""


def smooth(batches: Iterable[LightBatch], window: int = 25) -> Iterator[LightBatch]:
    """Moves each frame's luminance levels onto their course over time.

    Percentiles of log luminance are averaged over a centred Blackman window, mirrored where the
    shot ends, never across a cut; luminance is mapped from its own percentiles to the averaged
    ones, linearly in the logarithm in between, by the ratio of the outermost beyond. R, G and B
    are scaled alike, so hue stays; black stays black; a static shot stays as it is; a fade stays
    monotonic, as no level moves by more than a stop.

    Args:
        batches: light in cd/m².
        window: frames, odd; half of it is the look-ahead.

    Returns:
        The batches with other light.

    Raises:
        ValueError: the window is not odd and positive, or the light is relative.
    """
    radius = radius_of(window)
    return by_shot(batches, lambda shot: _smooth_shot(shot, radius))


def _smooth_shot(shot: Frames, radius: int) -> Frames:
    weights = blackman(radius)
    for here in neighbourhoods(shot, radius, _levels):
        own = here.near[here.position]
        shift = torch.einsum("tk,t->k", mirrored(here, radius) - own, weights)
        yield replace(here.frame, light=_shifted(here.frame, own, shift.clamp(-_MOST, _MOST)))


def _log_luminance(light: Tensor, frame: LightBatch) -> Tensor:
    return luminance(light, frame.primaries).clamp_min(_FLOOR).log2()


def _levels(frame: LightBatch) -> Tensor:
    """Percentiles of log2 luminance at `_POSITIONS`: (K,), float64, on the CPU."""
    if frame.gains is not None:
        raise ValueError("relative light can't be smoothed: anchor it first")
    height, width = frame.light.shape[-2:]
    step = max(1, math.ceil(math.sqrt(height * width / _SAMPLES)))
    values = _log_luminance(frame.light[..., ::step, ::step], frame).flatten()
    return values.quantile(_POSITIONS.to(values)).cpu().double()


def _shifted(frame: LightBatch, levels: Tensor, shift: Tensor) -> Tensor:
    """The frame's light with each luminance level (K,) moved by so many stops (K,)."""
    knots, stops = (t.to(frame.light) for t in _knots(levels, shift))

    def moved(light: Tensor) -> Tensor:
        level = _log_luminance(light, frame)
        upper = torch.searchsorted(knots, level).clamp(1, len(knots) - 1)
        lower = upper - 1
        gap = (knots[upper] - knots[lower]).clamp_min(1e-6)
        weight = ((level - knots[lower]) / gap).clamp(0, 1)
        return light * torch.lerp(stops[lower], stops[upper], weight).exp2()

    return filled(torch.empty_like(frame.light), moved, frame.light)


def _knots(levels: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Levels and shifts (K,), each averaged with its kin by the pixels that they stand for.

    Order is kept, of the levels as of what they are moved to, as the weights are Gaussian. A glint
    does not move the whites beside it: it stands for few pixels.
    """
    kinship = (-0.5 * ((levels.unsqueeze(1) - levels) / _KIN) ** 2).exp() * _SHARES
    kinship = kinship / kinship.sum(dim=1, keepdim=True)
    return (kinship @ levels).cummax(dim=0).values, kinship @ shift

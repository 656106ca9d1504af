"""An SDR curve made for a picture: it keeps the contrasts of the light that many pixels have, at the cost of others.

The curve is one of logarithms, in steps of a tenth of a decade. A step whose slope is one keeps all of its contrast; so
kept, the light up to reference white fills the display, and what highlights are given has to be taken elsewhere. It is
taken where few pixels are.

Reference:
    R. Mantiuk, S. Daly, L. Kerofsky, "Display Adaptive Tone Mapping", SIGGRAPH 2008: the curve that distorts contrasts
    least within the range of a display, found by quadratic programming. Here as Z. Mai et al. simplified it
    ("Optimizing a Tone Curve for Backward-Compatible High Dynamic Range Image and Video Compression", IEEE Transactions
    on Image Processing 20 (6), 2011): contrasts are taken to be where pixels are, all equally visible. Ours are the
    weight of what a picture does not show, and the bound to which reference white may fall.
"""

import math

import torch
from torch import Tensor

from .sdr_tone import Curve

_STEP = 0.1
"""Decades of light; a third of a stop."""

_DECADES = 3.0
"""Below reference white, that the curve is made for, those of a display of 1000 : 1; what is darker stays as it is."""

_LOWEST_WHITE = 0.5
"""Reference white comes to lie no lower, relative to the display's white: where EXPOSURE has it."""

_UNSEEN = 1.0
"""Weight of the light up to reference white, whether pixels have it or not; that of all pixels is 1. It is why a
highlight of few pixels costs little brightness, and why what comes into the dark of a picture finds a slope there."""

_LEAST = 1e-9
"""Weight of a step without any: nothing, but to be divided by."""


class ContrastTone:
    """Curves for pictures.

    Curves may be averaged: the slopes of any mean keep what is said of them.

    Args:
        peak: highest light, cd/m², which becomes the display's white.
        reference_white: cd/m².
    """

    def __init__(self, peak: float, reference_white: float) -> None:
        below, above = round(_DECADES / _STEP), math.log10(peak / reference_white)
        edges = [_STEP * step for step in range(-below, math.ceil(above / _STEP))]
        self._white = reference_white
        self._edges = torch.tensor([*edges, above], dtype=torch.float64)  # decades from reference white
        self._widths = self._edges.diff()
        self._below = below

    def slopes(self, brightest: Tensor) -> Tensor:
        """The slopes of the curve that is best for a picture.

        Args:
            brightest: of R, G and B of its pixels, cd/m², not negative, any shape.

        Returns:
            (steps,), float64, on the CPU, in [0, 1]. The curve leads from where it begins to the display's white.
        """
        weights, widths, below = self._counted(brightest), self._widths, self._below
        weights[:below] += _UNSEEN / below
        room = float(-self._edges[0])
        slopes = best_slopes(weights, widths, room)
        for_highlights = -math.log10(_LOWEST_WHITE)
        if (slopes * widths)[below:].sum() > for_highlights:
            dark = best_slopes(weights[:below], widths[:below], room - for_highlights)
            slopes = torch.cat((dark, best_slopes(weights[below:], widths[below:], for_highlights)))
        return slopes

    def _counted(self, brightest: Tensor) -> Tensor:
        """Shares of the pixels (steps,).

        A pixel counts for the two steps whose upper ends it lies between, the more the nearer: so a level that drifts
        changes nothing at once, and reference white itself asks for nothing above it.
        """
        last = len(self._widths) - 1
        decades = (brightest.flatten().cpu().double() / self._white).clamp_min(1e-9).log10()
        place = (decades[decades >= self._edges[0]] - self._edges[0]) / _STEP - 1
        lower = place.floor()
        upper_part = place - lower
        shares = torch.zeros(last + 1, dtype=torch.float64)
        for steps, parts in ((lower, 1 - upper_part), (lower + 1, upper_part)):
            shares += torch.bincount(steps.clamp(0, last).long(), parts, last + 1)
        return shares / len(decades)

    def curve(self, slopes: Tensor) -> Curve:
        """The curve that has such slopes (steps,)."""
        lowest, highest, last = float(self._edges[0]), float(self._edges[-1]), len(slopes) - 1
        rises = (slopes * self._widths).cumsum(0)
        begins = torch.cat((rises.new_zeros(1), rises[:-1])) - rises[-1]
        offsets = begins - slopes * self._edges[:-1]

        def curve(light: Tensor) -> Tensor:
            relative = light / self._white
            decades = relative.clamp_min(10**lowest).log10().clamp_max(highest)
            step = ((decades - lowest) / _STEP).long().clamp_max(last)
            shown = 10 ** (offsets.to(light)[step] + slopes.to(light)[step] * decades)
            return shown.where(decades > lowest, relative).clamp(0, 1)

        return curve


def best_slopes(weights: Tensor, widths: Tensor, room: float) -> Tensor:
    """The slopes of a curve that distorts contrasts least: none negative, none above one.

    They minimise Σ weight · (slope − 1)², where Σ width · slope is not more than there is room. So a slope is
    1 − price · width / weight, or 0 where that is negative, at the price for which all the room is used.

    Args:
        weights: (steps,), float64, not negative.
        widths: (steps,), positive.
        room: positive.

    Returns:
        (steps,).
    """
    excess = float(widths.sum()) - room
    if excess <= 0:
        return torch.ones_like(weights)
    density, order = (weights.clamp_min(_LEAST) / widths).sort()
    width = widths[order]
    given_up = width.cumsum(0) - width  # where all that is cheaper is flat
    prices = (excess - given_up) / (width / density).flip(0).cumsum(0).flip(0)
    flat = int((density >= prices).double().argmax())  # so many of the cheapest steps
    slopes = torch.empty_like(weights)
    slopes[order] = (1 - prices[flat] / density).clamp_min(0)
    slopes[order[:flat]] = 0
    return slopes

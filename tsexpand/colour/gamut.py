"""Colours of a wide gamut brought into a smaller one, softly."""

from functools import cache

import torch
from torch import Tensor

from .codes import Primaries
from .primaries import conversion_matrix, convert

_KEPT = 0.9
"""Distance from grey up to which colours stay as they are; 1 is the border of the gamut."""


def soft_bt709(light: Tensor, source: Primaries) -> Tensor:
    """Light in BT.709 without negative values: what lies outside is drawn towards grey, the more the further out.

    Of each pixel the brightest of R, G, B stays; the others' distances from it, as shares of it, are compressed from
    0.9 on so that the outermost colour of the source comes to lie on the border. Nothing is clipped, and no two
    colours become one. Light that is in BT.709 already stays as it is.

    Args:
        light: (N, 3, H, W), linear, not negative.
        source: its primaries.

    Returns:
        (N, 3, H, W), not negative.

    Reference:
        The idea and the distance are those of the ACES Reference Gamut Compression (S-2021-001); the curve is simpler.
    """
    furthest = _furthest(source)
    converted = convert(light, source, Primaries.BT709)
    if furthest <= 1:
        return converted
    top = converted.amax(dim=1, keepdim=True)
    distance = 1 - converted / top.clamp_min(1e-6)
    beyond, room = (distance - _KEPT).clamp_min(0), 1 - _KEPT
    span = (furthest - _KEPT) * room / (furthest - 1)  # so that the curve reaches 1 at the furthest
    compressed = _KEPT + beyond * span / (beyond + span)
    return (top * (1 - compressed.where(distance > _KEPT, distance))).clamp_min(0)


@cache
def _furthest(source: Primaries) -> float:
    """Distance from grey in BT.709 of the outermost colour of a space: an edge of its cube, which is convex."""
    if source is Primaries.BT709:
        return 1.0
    corners = torch.cartesian_prod(*[torch.linspace(0, 1, 33, dtype=torch.float64)] * 3)[1:]
    corners = corners[(corners.amax(dim=1) == 1) & (corners.amin(dim=1) == 0)]
    seen = corners @ conversion_matrix(source, Primaries.BT709).T
    return float((1 - seen.amin(dim=1) / seen.amax(dim=1)).max().clamp_min(1))

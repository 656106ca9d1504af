"""Colours that stand for numbers: luminance, and how far light was moved.

Both scales can be read by the colour-blind: they tell blue from orange, and otherwise dark from bright.
"""

import torch
from torch import Tensor

LUMINANCES = (
    (0.01, 0x000000),
    (0.1, 0x0D1540),
    (1.0, 0x172E86),
    (10.0, 0x2463C0),
    (50.0, 0x4C9ADF),
    (100.0, 0x80BEEC),
    (170.0, 0xB8DEF6),
    (203.0, 0xDADADA),
    (240.0, 0xA83A0B),
    (400.0, 0xD05F0C),
    (1000.0, 0xF39A1D),
    (2000.0, 0xFBC63F),
    (4000.0, 0xFDEA84),
    (10000.0, 0xFFFFFF),
)
"""cd/m² and R′G′B′: black to pale blue up to reference white (BT.2408: 203), which is grey; orange to white above it.

In each half brighter is brighter. What SDR can't show is so told from what it can at a glance, and the grey between is
narrow: a quarter of a stop on either side.
"""

CHANGES = (
    (-1.0, 0xB5E3FF),
    (-0.5, 0x2F7FD0),
    (0.0, 0x1C1C1C),
    (0.5, 0xC4561A),
    (1.0, 0xFFDB8C),
)
"""Parts of the longest change shown, and R′G′B′: darkened blue, unchanged nearly black, brightened orange."""

_Scale = tuple[tuple[float, int], ...]


def false_colour(luminance: Tensor) -> Tensor:
    """Colours of luminance, by the logarithm between those of `LUMINANCES`, and those of the ends beyond.

    Args:
        luminance: (H, W), cd/m².

    Returns:
        (3, H, W), uint8.
    """
    scale = tuple((_log(level), colour) for level, colour in LUMINANCES)
    return _coloured(luminance.double().clamp_min(1e-6).log10(), scale)


def change_colour(stops: Tensor, longest: float) -> Tensor:
    """Colours of a change of light, linear between those of `CHANGES`, and those of the ends beyond.

    Args:
        stops: (H, W), log2 of the ratio.
        longest: stops at the ends of the scale.

    Returns:
        (3, H, W), uint8.
    """
    return _coloured(stops.double() / longest, CHANGES)


def _log(level: float) -> float:
    return float(torch.tensor(level, dtype=torch.float64).log10())


def _coloured(values: Tensor, scale: _Scale) -> Tensor:
    knots = torch.tensor([value for value, _ in scale], dtype=torch.float64)
    colours = torch.tensor([[c >> 16, c >> 8 & 255, c & 255] for _, c in scale], dtype=torch.float64)
    values = values.clamp(knots[0], knots[-1])
    upper = torch.searchsorted(knots, values).clamp(1, len(knots) - 1)
    weight = (values - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
    mixed = torch.lerp(colours[upper - 1], colours[upper], weight.unsqueeze(-1))
    return mixed.round().to(torch.uint8).permute(2, 0, 1)

"""How much light there is."""

import torch
from torch import Tensor

from ..constants import constant
from .codes import Primaries
from .primaries import rgb_to_xyz


def luminance_weights(primaries: Primaries) -> Tensor:
    """Share of R, G and B in luminance (CIE Y): (3,), float64, sum 1."""
    return rgb_to_xyz(primaries)[1]


def luminance(light: Tensor, primaries: Primaries) -> Tensor:
    """CIE Y of linear RGB: (N, 3, H, W) to (N, 1, H, W), in the unit of the light."""
    weights = constant(light, luminance_weights, primaries)
    return torch.einsum("nchw,c->nhw", light, weights).unsqueeze(1)

"""How far relative light is from the light of the SDR display."""

import math

import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.luminance import luminance
from ..colour.transfer import bt1886_eotf
from ..cores import filled

_WELL_EXPOSED = (0.1, 0.9)
"""Signal of the brightest of R′, G′, B′: below is noise, above may be compressed or clipped."""

_DARKEST = 1e-6
"""Predicted luminance below which a ratio means nothing."""


def gain_to_display(light: Tensor, signal: Tensor, primaries: Primaries, reference_white: float) -> Tensor:
    """Gain that brings each frame's relative light to absolute light, from its well exposed pixels.

    Args:
        light: (N, 3, H, W), linear, of unknown exposure.
        signal: (N, 3, H, W), R′G′B′ in [0, 1] as a BT.1886 display takes it.
        primaries: of both.
        reference_white: luminance of signal 1.0, cd/m².

    Returns:
        (N, 2), float32: log2 of the gain (median of analytic to given luminance), and the
        fraction of pixels it was found on; where that is 0 the gain is 0 too.
    """
    predicted = luminance(light, primaries)
    analytic = luminance(filled(torch.empty_like(signal), bt1886_eotf, signal), primaries)
    brightest = signal.amax(dim=1, keepdim=True)
    low, high = _WELL_EXPOSED
    well_exposed = (brightest >= low) & (brightest <= high) & (predicted > _DARKEST)
    stops = (analytic / predicted).log2_().masked_fill_(~well_exposed, math.nan)
    median = stops.flatten(1).nanmedian(dim=1).values.nan_to_num(0)
    fraction = well_exposed.flatten(1).float().mean(dim=1)
    gain = (median + math.log2(reference_white)).where(fraction > 0, 0)
    return torch.stack((gain, fraction), dim=1)

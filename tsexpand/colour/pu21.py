"""PU21: a perceptually uniform encoding of absolute light, for the quality metrics."""

import math

from torch import Tensor

LOWEST, HIGHEST = 0.005, 10000.0
"""The luminances, cd/m², between which PU21 is defined."""

PEAK_SIGNAL = 256.0
"""Value that stands for a peak in PU21-PSNR: about what 100 cd/m², the white of an SDR display, is encoded as."""

DIM, BRIGHT = 1000.0, 4000.0
"""Peaks, cd/m², of the two displays that PU21 errors are seen on, the second the brightest that films are mastered
on; what lies above is not seen."""

_SMALLEST_SQUARE = 1e-9
"""Mean squared error that a perfect match is given: 138 dB."""

_P = (0.353487901, 0.3734658629, 8.277049286e-05, 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142)


def pu21(light: Tensor) -> Tensor:
    """PU21 value of absolute light, the variant for banding and glare.

    Args:
        light: cd/m², any shape; clamped to [0.005, 10 000].

    Returns:
        Same shape, 0 to 595; one unit is about as visible anywhere.

    Reference:
        R. K. Mantiuk and M. Azimi, "PU21: A novel perceptually uniform encoding for adapting existing
        quality metrics for HDR", Picture Coding Symposium 2021, table 1 ("banding+glare").
    """
    power = light.clamp(LOWEST, HIGHEST) ** _P[3]
    return _P[6] * (((_P[0] + _P[1] * power) / (1 + _P[2] * power)) ** _P[4] - _P[5])


def pu21_psnr(mean_square: float) -> float:
    """PU21-PSNR, dB, of a mean squared PU21 error; NaN of NaN, which stands for no pixels."""
    return 10 * math.log10(PEAK_SIGNAL**2 / max(_SMALLEST_SQUARE, mean_square)) if mean_square >= 0 else math.nan

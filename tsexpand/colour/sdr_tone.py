"""HDR light on an SDR display, by fixed curves, which know the peak and reference white, and nothing of the picture.

So a curve never moves: what is static stays so to the last bit, and a highlight changes nothing beside it. The
operators that these are named after take their scale from statistics of each picture, which is what makes them flicker;
here reference white stands in for the scene's.
"""

import math
from collections.abc import Callable
from enum import Enum

import torch
from torch import Tensor

from .transfer import pq_eotf, pq_inverse_eotf

Curve = Callable[[Tensor], Tensor]
"""Light in cd/m² to light relative to the white of the SDR display, [0, 1]; monotonic, black stays black."""

_DRAGO_BIAS = 0.85
"""The paper's default."""

_DRAGO_WHITE = 0.55
"""Where reference white comes to lie by it, relative to the display's white: 78 % of the signal."""

_EXPOSURE = 0.5
"""A stop darker: reference white at 75 % of the signal."""


class Tone(Enum):
    """How HDR light is shown in SDR."""

    BT2390 = "bt2390"
    REINHARD = "reinhard"
    DRAGO = "drago"
    EXPOSURE = "exposure"
    MANTIUK = "mantiuk"
    """The only one whose curve follows the picture, see `contrast_tone`."""


def sdr_light(light: Tensor, curve: Curve) -> Tensor:
    """Light as an SDR display shows it.

    The curve is that of the brightest of R, G, B; the others keep their ratio to it. So hue and saturation stay, no
    component is clipped, and greys stay neutral.

    Args:
        light: (N, 3, H, W), cd/m², not negative, in the display's primaries.
        curve: see `tone_curve`.

    Returns:
        (N, 3, H, W), relative to the display's white, in [0, 1].
    """
    brightest = light.amax(dim=1, keepdim=True)
    return light * (curve(brightest) / brightest.clamp_min(1e-6))


def tone_curve(tone: Tone, peak: float, reference_white: float) -> Curve:
    """The curve for light up to a peak; the SDR display's white stands for the reference white, in cd/m².

    Args:
        tone: which; not MANTIUK, which has no curve without pictures.
        peak: highest light, cd/m², which becomes the display's white (but for EXPOSURE, which clips).
        reference_white: cd/m².

    Reference:
        BT2390: the EETF of Rec. ITU-R BT.2390-11, section 5.4.1, from the peak to reference white, black at 0.
        REINHARD: E. Reinhard et al., "Photographic Tone Reproduction for Digital Images", SIGGRAPH 2002, equation 4,
        with the peak as white and reference white in place of the scaled luminance 1; the global operator.
        DRAGO: F. Drago et al., "Adaptive Logarithmic Mapping For Displaying High Contrast Scenes", Eurographics 2003,
        equation 4, for a display of 100 cd/m² and the bias 0.85; the world adaptation is chosen once, so that
        reference white comes to lie at 0.55 (higher, where the peak is hardly above it).
        EXPOSURE: nothing but a stop less light.
    """
    curves = {Tone.BT2390: _bt2390, Tone.REINHARD: _reinhard, Tone.DRAGO: _drago, Tone.EXPOSURE: _exposure}
    return curves[tone](peak, reference_white)


def _bt2390(peak: float, white: float) -> Curve:
    source, target = pq_inverse_eotf(torch.tensor([peak, white], dtype=torch.float64)).tolist()
    top = target / source
    knee = max(0.0, 1.5 * top - 0.5)
    # The slope of one that the Recommendation begins with would overshoot where the knee can't be low enough.
    slope = min(1.0, 3 * (top - knee) / (1 - knee))

    def curve(light: Tensor) -> Tensor:
        signal = pq_inverse_eotf(light) / source
        t = ((signal - knee) / (1 - knee)).clamp(0, 1)
        spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) * slope
        spline = spline + (3 * t**2 - 2 * t**3) * top
        shown = pq_eotf(spline * source).where(signal > knee, light)
        return (shown / white).clamp(0, 1)

    return curve


def _reinhard(peak: float, white: float) -> Curve:
    highest = peak / white

    def curve(light: Tensor) -> Tensor:
        scaled = light / white
        return (scaled * (1 + scaled / highest**2) / (1 + scaled)).clamp(0, 1)

    return curve


def _drago(peak: float, white: float) -> Curve:
    low, high = 1e-6, 1e6  # of the world adaptation: the more of it, the darker
    for _ in range(60):
        adaptation = math.sqrt(low * high) * white
        if float(_drago_at(torch.tensor(white, dtype=torch.float64), peak, adaptation)) > _DRAGO_WHITE:
            low = adaptation / white
        else:
            high = adaptation / white
    return lambda light: _drago_at(light, peak, adaptation).clamp(0, 1)


def _drago_at(light: Tensor, peak: float, adaptation: float) -> Tensor:
    """Equation 4 of the paper, for L_dmax of 100 cd/m²."""
    world, highest = light / adaptation, peak / adaptation
    bias = (light / peak).clamp_min(0) ** (math.log(_DRAGO_BIAS) / math.log(0.5))
    return world.log1p() / (2 + 8 * bias).log() * (math.log(10) / math.log1p(highest))


def _exposure(peak: float, white: float) -> Curve:
    return lambda light: (light * (_EXPOSURE / white)).clamp(0, 1)

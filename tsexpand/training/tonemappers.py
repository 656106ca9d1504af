"""The tone mappers of the origin: SDR pictures of relative light, to learn the way back from.

They do what ExpandNet was trained with (OpenCV's operators and an exposure between percentiles), but for
many pictures at once, each with parameters of its own. Light is linear, BT.709 primaries; only its
proportions count: every operator begins by bringing each picture to [0, 1] by its own minimum and maximum.

Reference:
    D. Marnerides et al., "ExpandNet" (2018), arXiv 1803.02266, section 4.2; the ranges of the parameters are
    those of its published code.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.luminance import luminance

_SMALLEST = 1e-12
"""Keeps quotients finite; far below any light that is seen."""

_BLACK = 1e-4
"""Luminance below which logarithms do not follow, as in OpenCV: else one black pixel would rule their means."""

_RESPONSE_POWER = 0.4185
"""Exponent of the eye's response to contrast: Mantiuk et al. (2006), equation of the transducer."""


def stretched(light: Tensor) -> Tensor:
    """Brings each picture to [0, 1] by its own minimum and maximum: the origin's truth, and where its operators start.

    Args:
        light: (N, C, H, W).

    Returns:
        Same shape; a picture of one value everywhere is 0.
    """
    low, high = light.amin((1, 2, 3), keepdim=True), light.amax((1, 2, 3), keepdim=True)
    return (light - low) / (high - low).clamp_min(_SMALLEST)


def _of_picture(parameter: Tensor) -> Tensor:
    """One value per picture, (N,), to be multiplied with pictures."""
    return parameter.view(-1, 1, 1, 1)


def _signal(shown: Tensor, exponent: Tensor) -> Tensor:
    return stretched(shown) ** (1 / _of_picture(exponent))


def _luminance(light: Tensor) -> Tensor:
    return luminance(light, Primaries.BT709)


def _mean_log(luminances: Tensor) -> Tensor:
    return luminances.clamp_min(_BLACK).log().mean((1, 2, 3), keepdim=True)


def _percentile(light: Tensor, percentile: Tensor) -> Tensor:
    """Percentiles of all values of each picture, interpolated linearly: (N, 1, 1, 1)."""
    ordered = light.flatten(1).sort(1).values
    position = percentile[:, None] / 100 * (ordered.shape[1] - 1)
    below, above = (ordered.gather(1, index.long()) for index in (position.floor(), position.ceil()))
    return _of_picture(torch.lerp(below, above, position - position.floor()))


def percentile_exposure(light: Tensor, low: Tensor, high: Tensor, exponent: Tensor) -> Tensor:
    """An exposure that clips: black at one percentile, white at another.

    Args:
        light: (N, 3, H, W), relative.
        low: (N,), in [0, 100), percentile of all three channels that becomes 0.
        high: (N,), in (0, 100], likewise for 1.
        exponent: (N,), of the display.

    Returns:
        Signal in [0, 1], same shape as the light.
    """
    black, white = _percentile(light, low), _percentile(light, high)
    exposed = (light - black) / (white - black).clamp_min(_SMALLEST)
    return exposed.clamp(0, 1) ** (1 / _of_picture(exponent))


def reinhard(
    light: Tensor, intensity: Tensor, light_adaptation: Tensor, colour_adaptation: Tensor, exponent: Tensor
) -> Tensor:
    """The response of photoreceptors that adapt to their surroundings.

    Args:
        light: (N, 3, H, W), relative.
        intensity: (N,), in [−8, 8]; more is brighter.
        light_adaptation: (N,), from 0, adapted to the whole picture, to 1, to the pixel.
        colour_adaptation: (N,), from 0, channels adapted together, to 1, each on its own.
        exponent: (N,), of the display.

    Returns:
        Signal in [0, 1], same shape as the light.

    Reference:
        E. Reinhard and K. Devlin, "Dynamic Range Reduction Inspired by Photoreceptor Physiology", IEEE TVCG 11
        (2005), as OpenCV's TonemapReinhard has it.
    """
    to_pixel, to_channel = _of_picture(light_adaptation), _of_picture(colour_adaptation)
    light = stretched(light)
    grey = _luminance(light)
    logs = grey.clamp_min(_BLACK).log()
    darkest, brightest = logs.amin((1, 2, 3), keepdim=True), logs.amax((1, 2, 3), keepdim=True)
    key = (brightest - _mean_log(grey)) / (brightest - darkest).clamp_min(_SMALLEST)
    contrast = 0.3 + 0.7 * key.clamp_min(0) ** 1.4
    around = torch.lerp(grey.mean((2, 3), keepdim=True), light.mean((2, 3), keepdim=True), to_channel)
    adapted = torch.lerp(around, torch.lerp(grey, light, to_channel), to_pixel)
    half_way = ((-_of_picture(intensity)).exp() * adapted) ** contrast
    return _signal(light / (light + half_way).clamp_min(_SMALLEST), exponent)


def drago(light: Tensor, bias: Tensor, exponent: Tensor) -> Tensor:
    """Logarithms of luminance whose base grows with it; colours keep their proportions.

    Args:
        light: (N, 3, H, W), relative.
        bias: (N,), in (0, 1), where the base grows; more is darker.
        exponent: (N,), of the display.

    Returns:
        Signal in [0, 1], same shape as the light.

    Reference:
        F. Drago et al., "Adaptive Logarithmic Mapping For Displaying High Contrast Scenes", Computer Graphics
        Forum 22 (2003), equation 4; luminance relative to its geometric mean, as in OpenCV's TonemapDrago.
    """
    light = stretched(light)
    grey = _luminance(light)
    adapted = grey / _mean_log(grey).exp()
    share = adapted / adapted.amax((1, 2, 3), keepdim=True).clamp_min(_SMALLEST)
    base = 2 + 8 * share ** (_of_picture(bias).log() / math.log(0.5))
    return _signal(light / grey.clamp_min(_SMALLEST) * adapted.log1p() / base.log(), exponent)


def mantiuk(light: Tensor, contrast: Tensor, exponent: Tensor) -> Tensor:
    """Contrasts at every scale made weaker to the eye by one factor; colours keep their proportions.

    The operator takes differences g of log luminance at all levels of a pyramid, scales the eye's response
    R = |g|^p to them by `contrast`, and looks for the picture whose differences are the new ones.
    Scaling R by s scales g by s^(1/p), everywhere and at all levels alike: the picture looked for is
    the old log luminance times s^(1/p), with no error left, and need not be searched for by conjugate
    gradients as OpenCV does. Luminance below a ten thousandth of the maximum keeps its order here;
    OpenCV lifts it to there.

    Args:
        light: (N, 3, H, W), relative.
        contrast: (N,), in (0, 1], factor of the response.
        exponent: (N,), of the display.

    Returns:
        Signal in [0, 1], same shape as the light.

    Reference:
        R. Mantiuk et al., "A Perceptual Framework for Contrast Processing of High Dynamic Range Images", ACM TAP 3
        (2006), with the response to the natural logarithm as in OpenCV's TonemapMantiuk.
    """
    light = stretched(light)
    weaker = _of_picture(contrast) ** (1 / _RESPONSE_POWER)
    return _signal(light * _luminance(light).clamp_min(_SMALLEST) ** (weaker - 1), exponent)


@dataclass(frozen=True, slots=True)
class ToneMapping:
    """An operator and all parameters for each picture of a batch: (N,) tensors, on the CPU.

    Attributes:
        operator: int64; 0 percentile exposure, 1 Reinhard, 2 Drago, 3 Mantiuk.
        exponent: of the display, for all operators.
        low: percentile, percentile exposure.
        high: percentile, percentile exposure.
        intensity: Reinhard.
        light_adaptation: Reinhard.
        colour_adaptation: Reinhard.
        bias: Drago.
        contrast: Mantiuk.
    """

    operator: Tensor
    exponent: Tensor
    low: Tensor
    high: Tensor
    intensity: Tensor
    light_adaptation: Tensor
    colour_adaptation: Tensor
    bias: Tensor
    contrast: Tensor


_OPERATORS: tuple[tuple[Callable[..., Tensor], tuple[str, ...]], ...] = (
    (percentile_exposure, ("low", "high", "exponent")),
    (reinhard, ("intensity", "light_adaptation", "colour_adaptation", "exponent")),
    (drago, ("bias", "exponent")),
    (mantiuk, ("contrast", "exponent")),
)

RANGES = {
    "exponent": (1.8, 2.2),
    "low": (0.0, 15.0),
    "high": (85.0, 100.0),
    "intensity": (-1.0, 1.0),
    "light_adaptation": (0.8, 1.0),
    "colour_adaptation": (0.0, 0.2),
    "bias": (0.7, 0.9),
    "contrast": (0.65, 0.85),
}
"""Between what the parameters are drawn, as in ExpandNet's published code."""


def random_tone_mapping(rng: np.random.Generator, count: int) -> ToneMapping:
    """Draws for each of `count` pictures one of the four operators, all as likely, and uniform parameters."""
    operator = torch.from_numpy(rng.integers(len(_OPERATORS), size=count))
    parameters = {name: torch.from_numpy(rng.uniform(*ends, count)).float() for name, ends in RANGES.items()}
    return ToneMapping(operator, **parameters)


def tone_mapped(light: Tensor, mapping: ToneMapping) -> Tensor:
    """What the operators make of pictures, each of its own.

    Args:
        light: (N, 3, H, W), float32, relative, finite, on any device.
        mapping: of N pictures.

    Returns:
        Signal in [0, 1], same shape and device.
    """
    signal = torch.empty_like(light)
    for number, (operator, names) in enumerate(_OPERATORS):
        chosen = torch.nonzero(mapping.operator == number).flatten()
        if len(chosen):
            parameters = (getattr(mapping, name)[chosen].to(light.device) for name in names)
            rows = chosen.to(light.device)
            signal[rows] = operator(light[rows], *parameters)
    return signal

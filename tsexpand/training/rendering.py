"""How cameras turn light into an SDR picture, and what that picture would be without its clip.

A rendering maps exposed light in [0, 1] (1 = clipping) to the SDR signal in [0, 1].
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..colour.transfer import BT1886_EXPONENT

Rendering = Callable[[Tensor], Tensor]

KNEE = 0.7
"""Fraction of the clipping exposure up to which the SDR picture is taken at its word."""


def power(exponent: float) -> Rendering:
    """A camera of plain gamma x^(1/exponent)."""
    return lambda light: light ** (1 / exponent)


def bt709_oetf(light: Tensor) -> Tensor:
    """The camera of Rec. ITU-R BT.709-6, item 1.2."""
    return torch.where(light < 0.018, 4.5 * light, 1.099 * light.clamp_min(1e-9) ** 0.45 - 0.099)


def sigmoid_response(n: float, p: float) -> Rendering:
    """A camera response (1 + n)·x^p / (x^p + n).

    Reference:
        G. Eilertsen et al., "HDR image reconstruction from a single exposure using deep CNNs",
        ACM TOG 36 (2017): n (there σ) about 0.6, p (there n) about 0.9, fitted to measured cameras.
    """

    def response(light: Tensor) -> Tensor:
        raised = light.clamp_min(1e-9) ** p
        return (1 + n) * raised / (raised + n)

    return response


def reinhard(burn: float, exponent: float) -> Rendering:
    """A global photographic tone curve x·(1 + x/w²)/(1 + x), then gamma.

    Clipping is at x = w, the burn, where the curve reaches 1. The Reinhard of tonemappers.py is another, of 2005.

    Reference:
        E. Reinhard et al., "Photographic Tone Reproduction for Digital Images" (2002), equation 4.
    """

    def render(light: Tensor) -> Tensor:
        x = light * burn
        curve = x * (1 + x / burn**2) / (1 + x)
        return curve.clamp(0, 1) ** (1 / exponent)

    return render


def drago(bias: float, exponent: float) -> Rendering:
    """A logarithmic tone curve of adaptive base, then gamma.

    Reference:
        F. Drago et al., "Adaptive Logarithmic Mapping For Displaying High Contrast Scenes" (2003),
        equation 4, with the scene's maximum at 10.
    """
    peak = 10.0
    power_of_bias = math.log(bias) / math.log(0.5)

    def render(light: Tensor) -> Tensor:
        x = light * peak
        base = 2 + 8 * (x / peak).clamp_min(1e-9) ** power_of_bias
        curve = (1 + x).log() / base.log() * math.log(10) / math.log(1 + peak)
        return curve.clamp(0, 1) ** (1 / exponent)

    return render


def random_rendering(rng: np.random.Generator) -> Rendering:
    """Draws a rendering: display gamma, BT.709 and sigmoid cameras most often, tone curves sometimes."""
    kind = rng.choice(5, p=[0.25, 0.25, 0.3, 0.1, 0.1])
    if kind == 0:
        return power(rng.uniform(2.0, 2.8))
    if kind == 1:
        return bt709_oetf
    if kind == 2:
        return sigmoid_response(max(0.2, rng.normal(0.6, 0.1)), max(0.5, rng.normal(0.9, 0.1)))
    if kind == 3:
        return reinhard(rng.uniform(1.5, 5.0), rng.uniform(2.0, 2.4))
    return drago(rng.uniform(0.7, 0.9), rng.uniform(1.2, 1.8))


def graded_light(light: Tensor, rendering: Rendering) -> Tensor:
    """Display light of the same look without its shoulder and its clip.

    Up to the knee exactly what an SDR display shows; above it light goes on with the slope that
    the rendering has at the knee, in log-log, at least 1.

    Args:
        light: exposed light, 1 = clipping, any shape.
        rendering: of the SDR picture.

    Returns:
        Relative display light, 1 = SDR reference white, float32.
    """
    knee = torch.tensor([KNEE * 0.99, KNEE], dtype=torch.float64)
    below, at = (rendering(knee) ** BT1886_EXPONENT).tolist()
    slope = max(1.0, math.log(at / below) / math.log(1 / 0.99))
    shown = rendering(light.clamp(0, KNEE)) ** BT1886_EXPONENT
    return torch.where(light <= KNEE, shown, at * (light / KNEE).clamp_min(1e-9) ** slope)

"""Panoramas and photographs: told apart by their shape, and made to fit a size."""

from math import ceil, gcd

import torch
from torch import Tensor
from torch.nn import functional

_PANORAMA_ASPECTS = (1.9, 2.1)
"""Equirectangular is twice as wide as high, or nearly so where it was cut; cinema's 1.85 and 2.39 are photographs."""


def is_panorama(picture: Tensor) -> bool:
    """Whether a (..., H, W) picture is taken for an equirectangular panorama: 1.9 to 2.1 times as wide as high."""
    lowest, highest = _PANORAMA_ASPECTS
    return lowest * picture.shape[-2] <= picture.shape[-1] <= highest * picture.shape[-2]


def fit(light: Tensor, width: int) -> Tensor:
    """A scene no larger than so many pixels: a panorama's width, a photograph's longer side; never enlarged.

    Antialiased, in linear light; a panorama across its seam too.

    Args:
        light: (3, H, W) float32, linear light.
        width: pixels.

    Returns:
        (3, h, w) float32; not negative where the light is not.
    """
    rows, columns = light.shape[-2:]
    longer = max(rows, columns)
    if longer <= width:
        return light
    size = (max(1, round(rows * width / longer)), max(1, round(columns * width / longer)))
    return _wrapped(light, size) if is_panorama(light) else _resized(light, size)


def _wrapped(light: Tensor, size: tuple[int, int]) -> Tensor:
    """Resizes with columns repeated across the seam: as few as are a whole number of columns before and after."""
    before, after = light.shape[-1], size[1]
    common = gcd(before, after)
    times = ceil(2 * common / after)  # two columns of the result, the reach of the filter
    source, target = times * before // common, times * after // common
    extended = torch.cat([light[..., -source:], light, light[..., :source]], dim=-1)
    return _resized(extended, (size[0], after + 2 * target))[..., target:-target].contiguous()


def _resized(light: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(light[None], size, mode="bilinear", align_corners=False, antialias=True)[0]

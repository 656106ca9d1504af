"""Dither for the one quantisation."""

from functools import lru_cache

import torch
from torch import Tensor

_SPAN = 0.994
"""Just under one code, so that a value on a code stays on it: black, of which PQ makes 0.0026 of a 12-bit code, stays
black, a grey neutral."""


@lru_cache(maxsize=4)
def dither_pattern(height: int, width: int, device: torch.device) -> Tensor:
    """Interleaved gradient noise, the same for every frame, so that what is static stays static.

    It is uniform in (−0.5, 0.5) and, like blue noise, its error averages out within a few pixels.

    Args:
        height: of the picture.
        width: of the picture.
        device: to put it on.

    Returns:
        (height, width), float32, in code values.

    Reference:
        J. Jimenez, "Next Generation Post Processing in Call of Duty: Advanced Warfare",
        SIGGRAPH 2014, slide 123.
    """
    y = torch.arange(height, dtype=torch.float64).unsqueeze(1)
    x = torch.arange(width, dtype=torch.float64).unsqueeze(0)
    noise = (52.9829189 * (0.06711056 * x + 0.00583715 * y).frac()).frac()
    return ((noise - 0.5) * _SPAN).float().to(device)

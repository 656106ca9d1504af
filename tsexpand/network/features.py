"""Features of the full-resolution part as compiled code keeps them.

Of pixels (rows, columns, channels) or of blocks of them, in the number type of the products, as what they differ by
from their averages over flat pictures (see `kernels`).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from .kernels import Kernels

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
"""Slope of what is positive, and what is negative tends to -SCALE·ALPHA."""

_LOWEST, _SQUARINGS = -9.0, 3
_EXPONENTIAL = (0.1311193, 0.49136525, 0.99949273)
"""e^t on [`_LOWEST` / 2**`_SQUARINGS`, 0] is 1 + t·(… + t·(… + t·…)), so that its power is off by at most 5.5e-5."""


def selu(features: Tensor, dtype: torch.dtype) -> Tensor:
    """SELU of float32 features that are then kept in a number type.

    For bfloat16 off by at most 2.2e-4, near the lowest, -1.76, which that rounds by 3.9e-3: the exponential is that of
    a polynomial, which a compiler fuses with what is around it, where a library's is called for every vector.
    """
    if dtype is torch.float32:
        return F.selu(features)
    t = features.clamp(_LOWEST, 0.0) * 0.5**_SQUARINGS
    power = torch.zeros_like(t)
    for coefficient in (*_EXPONENTIAL, 1.0):
        power = power * t + coefficient
    for _ in range(_SQUARINGS):
        power = power * power
    lowest = SELU_SCALE * SELU_ALPHA
    return features.clamp_min(0.0) * SELU_SCALE + (power * lowest - lowest)


def activated(layer: str, kernels: Kernels) -> Callable[[Tensor], Tensor]:
    """What follows a convolution: its float32 results (..., O) to features, float32 still."""
    bias, average = kernels[f"{layer}_bias"], kernels[f"{layer}_average"]
    dtype = kernels["fusion"].dtype
    return lambda results: selu(results + bias, dtype) - average


def first(signal: Tensor, layer: str, dilation: int, kernels: Kernels) -> Tensor:
    """A first layer, in float32, which can tell bright codes apart: (1, 3, H, W) to (H - 2·dilation, …, O)."""
    results = F.conv2d(signal, kernels[layer], dilation=dilation)[0].permute(1, 2, 0)
    return activated(layer, kernels)(results).to(kernels["fusion"].dtype).contiguous()


def logits(local: Tensor, mid: Tensor, global_features: Tensor, kernels: Kernels) -> Tensor:
    """The fusion and the last layer, float32: shares of the branches (..., 64), which are summed, to (..., 3)."""
    fused = F.selu(local.float() + mid.float() + (global_features[0] + kernels["fusion_bias"]))
    return torch.unflatten(torch.mm(fused.flatten(0, -2), kernels["last"]) + kernels["last_bias"], 0, mid.shape[:-1])

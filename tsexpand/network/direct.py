"""The full-resolution part of ExpandNet by its convolutions as they are, in C++: `direct.cpp`.

For CPUs that multiply whole matrices at once (AMX): there a convolution takes less time than the transforms that would
spare it three quarters of its multiplications.
"""

from pathlib import Path

import torch
from torch import Tensor

from .expandnet import ExpandNet
from .kernels import Kernels, kernels_of

SOURCE = Path(__file__).with_suffix(".cpp")

_LANES, _PAIR = 16, 32
"""Pairs of inputs, and outputs, of a register of weights; outputs of two of them, and inputs of one."""


def arranged_kernels(network: ExpandNet, dtype: torch.dtype) -> Kernels:
    """The weights of a network as the code takes them, for products in a number type: bfloat16.

    Returns:
        "products": those of all 3×3 layers but the first ones, and of the fusion, see `arranged`.
        "exact": float32, everything else. Of the first layers (3, 3, I, O), of the last (O, I), else (O,).
    """
    kernels = kernels_of(network, dtype, lambda weight: weight)
    kernels["fusion"] = kernels["fusion"].mT[:, :, None, None]
    for name in ("local_first", "mid_first"):
        kernels[name] = kernels[name].permute(2, 3, 1, 0)
    kernels["last"] = kernels["last"].mT
    products = [kernels.pop(name) for name in ("local", "mid_1", "mid_2", "mid_3", "fusion")]
    return {
        "products": torch.cat([arranged(weight) for weight in products]),
        "exact": torch.cat([tensor.flatten() for tensor in kernels.values()]),
    }


def arranged(weight: Tensor) -> Tensor:
    """Weights of a convolution (O, I, …) in the order of their use: pairs of registers, of pairs of inputs in each row.

    Returns:
        (O / 32, taps, I / 32, 2, 16, 16, 2), flat: by 32 outputs, taps, 32 inputs, 16 of the outputs, pairs of the
        inputs, outputs, inputs of a pair.
    """
    outputs, inputs = weight.shape[:2]
    axes = weight.reshape(outputs // _PAIR, 2, _LANES, inputs // _PAIR, _LANES, 2, -1)
    return axes.permute(0, 6, 3, 1, 4, 2, 5).flatten()

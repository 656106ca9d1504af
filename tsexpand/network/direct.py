"""The full-resolution part of ExpandNet by its convolutions as they are, in C++: `direct.cpp`.

For CPUs that multiply whole matrices at once (AMX): there a convolution takes less time than the transforms that would
spare it three quarters of its multiplications.
"""

from pathlib import Path

import torch
from torch import Tensor

from ..cores import one_core
from .expandnet import ExpandNet
from .kernels import Kernels, flat, layers_of

SOURCE = Path(__file__).with_suffix(".cpp")

_LANES, _PAIR = 16, 32
"""Pairs of inputs, and outputs, of a register of weights; outputs of two of them, and inputs of one."""


@one_core()  # on several sums might be rounded otherwise
def kernels_of(network: ExpandNet, dtype: torch.dtype) -> Kernels:
    """The weights of a network as the code takes them, for products in a number type; ValueError but for bfloat16."""
    if dtype is not torch.bfloat16:
        raise ValueError(f"matrices of {dtype} are not multiplied at once")
    layers, exact = layers_of(network)
    return Kernels(flat(map(arranged, layers.values()), dtype), flat(exact.values(), torch.float32))


def arranged(weight: Tensor) -> Tensor:
    """Weights of a convolution (O, I, …) in the order of their use: pairs of registers, of pairs of inputs in each row.

    Returns:
        (O / 32, taps, I / 32, 2, 16, 16, 2): by 32 outputs, taps, 32 inputs, 16 of the outputs, pairs of the
        inputs, outputs, inputs of a pair.
    """
    outputs, inputs = weight.shape[:2]
    axes = weight.reshape(outputs // _PAIR, 2, _LANES, inputs // _PAIR, _LANES, 2, -1)
    return axes.permute(0, 6, 3, 1, 4, 2, 5)

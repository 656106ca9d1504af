"""The full-resolution part of ExpandNet in fewer multiplications, in C++: `winograd.cpp`.

By Winograd's minimal filtering (`minimal_filtering`). A dilated convolution is an ordinary one on every second row and
column.
"""

from pathlib import Path

import torch
from torch import Tensor

from ..cores import one_core
from .expandnet import ExpandNet
from .kernels import Kernels, flat, layers_of
from .minimal_filtering import transformed

SOURCE = Path(__file__).with_suffix(".cpp")

BLOCK = 8
"""Places and sizes of parts are multiples of it: a block of four by four results on every second row and column."""

BEYOND = 8
"""Pixels below and right of the halo that are computed with: all that a block depends on rounds all of its results."""


@one_core()  # on several sums might be rounded otherwise
def kernels_of(network: ExpandNet, dtype: torch.dtype) -> Kernels:
    """The weights of a network as the code takes them, for products in a number type: float32 or bfloat16."""
    layers, exact = layers_of(network)
    local, *mid = (transformed(layers[name]) for name in ("local", "mid_1", "mid_2", "mid_3"))
    matrices = (*local.tensor_split(2, dim=-1), *mid, layers["fusion"].mT[None])
    woven = 4 // dtype.itemsize
    return Kernels(flat((arranged(each, woven) for each in matrices), dtype), flat(exact.values(), torch.float32))


def arranged(weights: Tensor, woven: int) -> Tensor:
    """Matrices of weights (N, I, O) in the order of their use.

    Args:
        weights: of products.
        woven: inputs whose weights take turns, as the CPU multiplies so many at once.

    Returns:
        (N, O / 16, I / woven, 16, woven).
    """
    count, inputs, outputs = weights.shape
    axes = weights.reshape(count, inputs // woven, woven, outputs // 16, 16)
    return axes.permute(0, 3, 1, 4, 2)

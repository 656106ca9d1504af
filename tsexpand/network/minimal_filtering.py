"""Winograd's minimal filtering F(4×4, 3×3): a 3×3 convolution by few multiplications between two transforms.

By its definition it takes 144 multiplications for sixteen results, this way 36. Transforms of polynomials at the points
0, 1, -1, 1/2, -2 and ∞ round less than at the ±2 of the first paper, for as many operations: by 2 to 3 dB of light in
bfloat16. Here is what becomes of weights; the transforms of inputs and products are in `winograd.cpp`.

References:
    A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), arXiv 1509.09308.
    B. Barabasz, A. Anderson, K. M. Soodhalter, D. Gregg, "Error Analysis and Improving the Accuracy of Winograd
    Convolution for Deep Neural Networks" (2018), arXiv 1803.10986: the points.
"""

import torch
from torch import Tensor

_KERNEL = (
    (1, 0, 0),
    (1 / 3, 1 / 3, 1 / 3),
    (-1 / 3, 1 / 3, -1 / 3),
    (-16 / 15, -8 / 15, -4 / 15),
    (1 / 15, -2 / 15, 4 / 15),
    (0, 0, 1),
)
"""G of the paper."""


def transformed(weight: Tensor) -> Tensor:
    """Weights of a 3×3 convolution (O, I, 3, 3) as the products take them: (36, I, O), float64."""
    matrix = torch.tensor(_KERNEL, dtype=torch.float64)
    return torch.einsum("ak,bl,oikl->abio", matrix, matrix, weight.double()).flatten(0, 1)

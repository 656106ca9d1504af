"""Winograd's minimal filtering F(4×4, 3×3): a 3×3 convolution by few multiplications between two transforms.

By its definition it takes 144 multiplications for sixteen results, this way 36. Transforms of polynomials at the points
0, 1, -1, 1/2, -2 and ∞ round less than at the ±2 of the first paper, for as many operations: by 2 to 3 dB of light in
bfloat16.

References:
    A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), arXiv 1509.09308.
    B. Barabasz, A. Anderson, K. M. Soodhalter, D. Gregg, "Error Analysis and Improving the Accuracy of Winograd
    Convolution for Deep Neural Networks" (2018), arXiv 1803.10986: the points.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

SIZE = 4
"""Rows and columns of a block of results."""

REACH = SIZE + 2
"""Those of the block of inputs that it depends on."""

Terms = Sequence[Tensor]

_KERNEL = (
    (1, 0, 0),
    (1 / 3, 1 / 3, 1 / 3),
    (-1 / 3, 1 / 3, -1 / 3),
    (-16 / 15, -8 / 15, -4 / 15),
    (1 / 15, -2 / 15, 4 / 15),
    (0, 0, 1),
)
"""G of the paper."""


def of_inputs(x: Terms) -> list[Tensor]:
    """Bᵀ of the paper, in one dimension: applied to rows, then to columns.

    Args:
        x: `REACH` rows or columns.

    Returns:
        As many.
    """
    near, far = x[3] - x[1], x[4] - x[2]
    odd, even = x[3] + 1.5 * x[2] - x[1], x[4] + 1.5 * x[3] - x[2]
    first, last = x[0] - x[2] + far + 1.5 * near, x[5] - x[3] - near + 1.5 * far
    return [first, even + odd, even - odd, far + 2 * near, far - 0.5 * near, last]


def of_products(y: Terms) -> list[Tensor]:
    """Aᵀ, likewise: from `REACH` to `SIZE`."""
    near, step = y[1] + y[2], y[1] - y[2]
    return [
        y[0] + near + (y[3] + y[4]),
        step + 0.5 * y[3] - 2 * y[4],
        near + 0.25 * y[3] + 4 * y[4],
        step + 0.125 * y[3] - 8 * y[4] + y[5],
    ]


def transformed(weight: Tensor) -> Tensor:
    """Weights of a 3×3 convolution (O, I, 3, 3) as the products take them: (`REACH`², I, O), float64."""
    matrix = torch.tensor(_KERNEL, dtype=torch.float64)
    return torch.einsum("ak,bl,oikl->abio", matrix, matrix, weight.double()).flatten(0, 1)

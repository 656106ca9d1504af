"""Winograd's minimal filtering: a 3×3 convolution by few multiplications between two transforms.

By its definition it takes 36 multiplications for four results, F(2×2, 3×3) 16, and F(4×4, 3×3) 36 for sixteen. The
larger block rounds more: float32 has digits to spare, bfloat16 has not.

Reference:
    A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), arXiv 1509.09308.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Terms = Sequence[Tensor]


@dataclass(frozen=True, slots=True)
class Filtering:
    """One of Winograd's: F(m×m, 3×3), in one dimension, which is applied to rows, then to columns.

    Attributes:
        size: m.
        kernel: G, (m + 2, 3).
        of_inputs: Bᵀ, of m + 2 terms.
        of_products: Aᵀ, likewise, to m.
        in_passes: whether what was done to rows is written down before columns are looked at: what is fused has then
            fewer terms than registers, and is compiled in a fraction of the time.
    """

    size: int
    kernel: tuple[tuple[float, float, float], ...]
    of_inputs: Callable[[Terms], list[Tensor]]
    of_products: Callable[[Terms], list[Tensor]]
    in_passes: bool

    @property
    def block(self) -> int:
        """What places and sizes of parts are multiples of: a block on every second row."""
        return 2 * self.size

    @property
    def beyond(self) -> int:
        """Pixels below and right of the halo that are computed with, as layers give whole blocks."""
        return 4 * self.size - 8


def _inputs_of_2(x: Terms) -> list[Tensor]:
    return [x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3]]


def _products_of_2(y: Terms) -> list[Tensor]:
    return [y[0] + y[1] + y[2], y[1] - y[2] - y[3]]


def _inputs_of_4(x: Terms) -> list[Tensor]:
    odd, even = x[3] - 4 * x[1], x[4] - 4 * x[2]
    step, far = 2 * (x[3] - x[1]), x[4] - x[2]
    return [4 * x[0] - 5 * x[2] + x[4], even + odd, even - odd, far + step, far - step, 4 * x[1] - 5 * x[3] + x[5]]


def _products_of_4(y: Terms) -> list[Tensor]:
    near, step, far, stride = y[1] + y[2], y[1] - y[2], y[3] + y[4], y[3] - y[4]
    return [y[0] + near + far, step + 2 * stride, near + 4 * far, step + 8 * stride + y[5]]


_F2 = Filtering(
    size=2,
    kernel=((1, 0, 0), (1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (0, 0, 1)),
    of_inputs=_inputs_of_2,
    of_products=_products_of_2,
    in_passes=False,
)
_F4 = Filtering(
    size=4,
    kernel=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    of_inputs=_inputs_of_4,
    of_products=_products_of_4,
    in_passes=True,
)


def filtering(dtype: torch.dtype) -> Filtering:
    """The one whose rounding products of a number type can bear."""
    return _F4 if dtype is torch.float32 else _F2


def transformed(weight: Tensor, how: Filtering) -> Tensor:
    """Weights of a 3×3 convolution (O, I, 3, 3) as the products take them: ((m + 2)², I, O), float64."""
    matrix = torch.tensor(how.kernel, dtype=torch.float64)
    return torch.einsum("ak,bl,oikl->abio", matrix, matrix, weight.double()).flatten(0, 1)

import torch
import torch.nn.functional as F

from tsexpand.network.minimal_filtering import transformed

POINTS = (0, 1, -1, 1 / 2, -2)
"""At which polynomials are multiplied, beside infinity."""

OF_INPUTS = [
    [1, -1.5, -2, 1.5, 1, 0],
    [0, -1, 0.5, 2.5, 1, 0],
    [0, 1, -2.5, 0.5, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 0.5, -1, -0.5, 1, 0],
    [0, 1, -1.5, -2, 1.5, 1],
]
"""Bᵀ of the paper, for these points: what `winograd.cpp` makes of rows, and of columns."""


def test_the_products_of_a_block_are_a_convolution() -> None:
    """By its definition in the paper: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A; Aᵀ holds powers of the points."""
    powers = torch.tensor([[point**power for point in POINTS] for power in range(4)], dtype=torch.float64)
    a = torch.cat([powers, torch.eye(4, dtype=torch.float64)[:, -1:]], dim=1)
    b = torch.tensor(OF_INPUTS, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    block = torch.randn(6, 6, dtype=torch.float64, generator=generator)
    weight = torch.randn(1, 1, 3, 3, dtype=torch.float64, generator=generator)
    result = a @ (transformed(weight).view(6, 6) * (b @ block @ b.T)) @ a.T
    torch.testing.assert_close(result, F.conv2d(block[None, None], weight)[0, 0])

import torch
import torch.nn.functional as F

from tsexpand.network.minimal_filtering import REACH, SIZE, of_inputs, of_products, transformed

POINTS = (0, 1, -1, 1 / 2, -2)
"""At which polynomials are multiplied, beside infinity."""


def matrix_of(transform: object) -> torch.Tensor:
    units = list(torch.eye(REACH, dtype=torch.float64))
    return torch.stack(transform(units))  # type: ignore[operator]


def test_the_products_of_a_block_are_a_convolution() -> None:
    """By its definition in the paper: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A."""
    generator = torch.Generator().manual_seed(0)
    b, a = matrix_of(of_inputs), matrix_of(of_products)
    block = torch.randn(b.shape, dtype=torch.float64, generator=generator)
    weight = torch.randn(1, 1, 3, 3, dtype=torch.float64, generator=generator)
    result = a @ (transformed(weight).view(b.shape) * (b @ block @ b.T)) @ a.T
    torch.testing.assert_close(result, F.conv2d(block[None, None], weight)[0, 0])


def test_the_products_are_values_of_polynomials_at_the_points() -> None:
    """Aᵀ holds their powers, by the theorem behind it, and so the points that the module names."""
    powers = [[point**power for point in POINTS] for power in range(SIZE)]
    at_infinity = torch.eye(SIZE, dtype=torch.float64)[-1:].T
    expected = torch.cat([torch.tensor(powers, dtype=torch.float64), at_infinity], dim=1)
    assert torch.equal(matrix_of(of_products), expected)

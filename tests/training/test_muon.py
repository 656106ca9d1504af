import pytest
import torch

from tsexpand.training.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (3, 27)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    result = orthogonalised(matrix)
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.5 and values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    off_diagonal = left.mT @ result @ right.mT
    assert torch.allclose(off_diagonal, torch.diag(off_diagonal.diagonal()), atol=1e-4)


def test_the_scale_of_the_gradient_does_not_matter() -> None:
    matrix = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(orthogonalised(matrix), orthogonalised(1e-4 * matrix), atol=1e-2)


def test_a_quadratic_is_brought_to_its_minimum() -> None:
    target = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(2))
    weight = torch.zeros_like(target).requires_grad_()
    optimiser = Muon([weight], lr=0.3)
    for step in range(60):
        optimiser.param_groups[0]["lr"] = 0.3 * (1 - step / 60)
        optimiser.zero_grad()
        (weight - target).square().sum().backward()
        optimiser.step()
    assert float((weight - target).abs().max().detach()) < 0.25

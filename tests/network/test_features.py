import torch
import torch.nn.functional as F

from tsexpand.network.features import selu

VALUES = torch.linspace(-100, 100, 400_001)


def test_in_float32_it_is_pytorch_s() -> None:
    assert torch.equal(selu(VALUES, torch.float32), F.selu(VALUES))


def test_for_bfloat16_it_is_off_by_less_than_a_tenth_of_what_that_rounds() -> None:
    found = selu(VALUES, torch.bfloat16)
    exact = F.selu(VALUES.double())
    assert (found - exact).abs().max() < 2.3e-4 < torch.finfo(torch.bfloat16).eps / 20
    assert selu(torch.zeros(1), torch.bfloat16) == 0
    assert (found[1:] >= found[:-1]).all()


def test_what_is_not_finite_stays_so() -> None:
    assert selu(torch.tensor(torch.inf), torch.bfloat16) == torch.inf
    assert selu(torch.tensor(torch.nan), torch.bfloat16).isnan()

import pytest
import torch
import torch.nn.functional as F

from tsexpand.network import winograd
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.minimal_filtering import filtering, transformed
from tsexpand.network.winograd import FullResolution, kernels

from .models import random_network, random_signal


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


BY_THE_PAPER = {
    torch.bfloat16: (
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    torch.float32: (
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    ),
}
"""Bᵀ and Aᵀ of F(2×2, 3×3), section 4.1, and of F(4×4, 3×3), section 4.2, the number types that they are used in."""


@pytest.mark.parametrize("dtype", BY_THE_PAPER)
def test_the_products_of_a_block_are_a_convolution(dtype: torch.dtype) -> None:
    """By its definition in the paper: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A."""
    generator = torch.Generator().manual_seed(0)
    b, a = (torch.tensor(matrix, dtype=torch.float64) for matrix in BY_THE_PAPER[dtype])
    block = torch.randn(b.shape, dtype=torch.float64, generator=generator)
    weight = torch.randn(1, 1, 3, 3, dtype=torch.float64, generator=generator)
    result = a @ (transformed(weight, filtering(dtype)).view(b.shape) * (b @ block @ b.T)) @ a.T
    torch.testing.assert_close(result, F.conv2d(block[None, None], weight)[0, 0])


@pytest.mark.parametrize("dtype", BY_THE_PAPER)
def test_the_transforms_are_those_of_the_paper(dtype: torch.dtype) -> None:
    how = filtering(dtype)
    b, a = (torch.tensor(matrix, dtype=torch.float64) for matrix in BY_THE_PAPER[dtype])
    units = list(torch.eye(how.size + 2, dtype=torch.float64))
    assert torch.equal(torch.stack(how.of_inputs(units)), b)
    assert torch.equal(torch.stack(how.of_products(units)), a)


def random_part(height: int, width: int, dtype: torch.dtype) -> torch.Tensor:
    """With its halo, and what is beyond."""
    more = 2 * HALO + filtering(dtype).beyond
    return random_signal(1, 3, height + more, width + more).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (40, 24)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-6), (torch.bfloat16, 0.05)])
def test_it_gives_what_the_layers_give(
    network: ExpandNet, height: int, width: int, dtype: torch.dtype, error: float
) -> None:
    signal = random_part(height, width, dtype)
    code = network.global_features(signal)
    expected = network.expand(signal, code)[..., HALO : HALO + height, HALO : HALO + width]
    result = FullResolution()(signal, code, kernels(network, dtype))
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_pixel_is_the_same_in_any_part(network: ExpandNet, dtype: torch.dtype) -> None:
    signal, step = random_part(48, 32, dtype), filtering(dtype).block
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, kernels(network, dtype))
    more = 2 * HALO + filtering(dtype).beyond
    part = signal[..., step : step + 16 + more, 8 : 24 + more]
    assert torch.equal(FullResolution()(part, code, kernels(network, dtype)), whole[..., step : step + 16, 8:24])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_strips_change_nothing(network: ExpandNet, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = random_part(48, 24, dtype)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, kernels(network, dtype))
    monkeypatch.setattr(winograd, "_STRIP", 1 << 18)
    products: list[torch.Size] = []
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: (products.append(a.shape), bmm(a, b))[1])
    assert torch.equal(FullResolution()(signal, code, kernels(network, dtype)), whole)
    assert len(products) > 12  # of four layers

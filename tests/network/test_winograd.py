import pytest
import torch
import torch.nn.functional as F

from tsexpand.network import winograd
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.winograd import FullResolution, kernels, transformed

from .models import random_network, random_signal


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


def test_the_products_of_a_block_are_a_convolution() -> None:
    """By its definition in the paper: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A."""
    generator = torch.Generator().manual_seed(0)
    block = torch.randn(4, 4, dtype=torch.float64, generator=generator)
    weight = torch.randn(1, 1, 3, 3, dtype=torch.float64, generator=generator)
    b = torch.tensor([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], dtype=torch.float64)
    a = torch.tensor([[1.0, 1, 1, 0], [0, 1, -1, -1]], dtype=torch.float64)
    result = a @ (transformed(weight).view(4, 4) * (b @ block @ b.T)) @ a.T
    torch.testing.assert_close(result, F.conv2d(block[None, None], weight)[0, 0])


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 20), (36, 24)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-6), (torch.bfloat16, 0.05)])
def test_it_gives_what_the_layers_give(
    network: ExpandNet, height: int, width: int, dtype: torch.dtype, error: float
) -> None:
    signal = random_signal(1, 3, height + 2 * HALO, width + 2 * HALO).contiguous(memory_format=torch.channels_last)
    code = network.global_features(signal)
    expected = network.expand(signal, code)[..., HALO:-HALO, HALO:-HALO]
    result = FullResolution()(signal, code, kernels(network, dtype))
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_pixel_is_the_same_in_any_part(network: ExpandNet, dtype: torch.dtype) -> None:
    signal = random_signal(1, 3, 40 + 2 * HALO, 28 + 2 * HALO)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, kernels(network, dtype))
    part = signal[..., 8 : 24 + 2 * HALO, 4 : 24 + 2 * HALO]
    assert torch.equal(FullResolution()(part, code, kernels(network, dtype)), whole[..., 8:24, 4:24])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_strips_change_nothing(network: ExpandNet, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = random_signal(1, 3, 44 + 2 * HALO, 24 + 2 * HALO)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, kernels(network, dtype))
    monkeypatch.setattr(winograd, "_STRIP", 1 << 18)
    products: list[torch.Size] = []
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: (products.append(a.shape), bmm(a, b))[1])
    assert torch.equal(FullResolution()(signal, code, kernels(network, dtype)), whole)
    assert len(products) > 12  # of four layers

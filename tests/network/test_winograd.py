import pytest
import torch

from tsexpand.network import winograd
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.methods import WINOGRAD
from tsexpand.network.winograd import BEYOND, BLOCK, FullResolution

from .models import random_network, random_signal


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


def random_part(height: int, width: int) -> torch.Tensor:
    """With its halo, and what is beyond."""
    more = 2 * HALO + BEYOND
    return random_signal(1, 3, height + more, width + more).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (40, 24)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-6), (torch.bfloat16, 0.05)])
def test_it_gives_what_the_layers_give(
    network: ExpandNet, height: int, width: int, dtype: torch.dtype, error: float
) -> None:
    signal = random_part(height, width)
    code = network.global_features(signal)
    expected = network.expand(signal, code, padded=False)[..., :height, :width]
    result = FullResolution()(signal, code, WINOGRAD.kernels(network, dtype))
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_pixel_is_the_same_in_any_part(network: ExpandNet, dtype: torch.dtype) -> None:
    signal, step = random_part(48, 32), BLOCK
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, WINOGRAD.kernels(network, dtype))
    more = 2 * HALO + BEYOND
    part = signal[..., step : step + 16 + more, 8 : 24 + more]
    assert torch.equal(
        FullResolution()(part, code, WINOGRAD.kernels(network, dtype)), whole[..., step : step + 16, 8:24]
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_strips_change_nothing(network: ExpandNet, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = random_part(48, 24)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, WINOGRAD.kernels(network, dtype))
    monkeypatch.setattr(winograd, "_STRIP", 1 << 18)
    products: list[torch.Size] = []
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: (products.append(a.shape), bmm(a, b))[1])
    assert torch.equal(FullResolution()(signal, code, WINOGRAD.kernels(network, dtype)), whole)
    assert len(products) > 12  # of four layers

import pytest
import torch
from torch import Tensor

from tsexpand.network import winograd
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.kernels import Kernels
from tsexpand.network.methods import WINOGRAD
from tsexpand.network.winograd import BEYOND, BLOCK, FullResolution

from .models import random_network, random_part

DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


def logits(signal: Tensor, code: Tensor, weights: Kernels, place: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Of a part of a signal that has all around it; run as it stands."""
    more = 2 * HALO + BEYOND
    rows, columns = (slice(first, first + length + more) for first, length in zip(place, size, strict=True))
    part = signal[..., rows, columns].contiguous(memory_format=torch.channels_last)
    return FullResolution()(part, code, weights)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (40, 24)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-6), (torch.bfloat16, 0.05)])
def test_it_gives_what_the_layers_give(
    network: ExpandNet, height: int, width: int, dtype: torch.dtype, error: float
) -> None:
    signal = random_part(WINOGRAD, height, width)
    code = network.global_features(signal)
    expected = network.expand(signal, code, padded=False)[..., :height, :width]
    result = FullResolution()(signal, code, WINOGRAD.kernels(network, dtype))
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pixel_is_the_same_in_any_part(network: ExpandNet, dtype: torch.dtype) -> None:
    size, part = (48, 32), (16, 16)
    signal = random_part(WINOGRAD, *size)
    code, weights = network.global_features(signal), WINOGRAD.kernels(network, dtype)
    whole = logits(signal, code, weights, (0, 0), size)
    found = logits(signal, code, weights, (BLOCK, 8), part)
    rows, columns = slice(BLOCK, BLOCK + part[0]), slice(8, 8 + part[1])
    assert torch.equal(found, whole[..., rows, columns])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pixel_is_the_same_in_both_sizes_of_tiles(network: ExpandNet, dtype: torch.dtype) -> None:
    """And anywhere in them, in the shapes that are compiled."""
    signal = random_part(WINOGRAD, 144, 136)
    code, weights = network.global_features(signal), WINOGRAD.kernels(network, dtype)
    parts = [((0, 0), (120, 128)), ((0, 0), (136, 120)), ((24, 8), (120, 128))]
    first, other, moved = (logits(signal, code, weights, *part) for part in parts)
    assert torch.equal(first[..., :120], other[..., :120, :])
    assert torch.equal(first[..., 24:, 8:], moved[..., :96, :120])


@pytest.mark.parametrize("dtype", DTYPES)
def test_strips_change_nothing(network: ExpandNet, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = random_part(WINOGRAD, 48, 24)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, WINOGRAD.kernels(network, dtype))
    monkeypatch.setattr(winograd, "_STRIP", 1 << 18)
    products: list[torch.Size] = []
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: (products.append(a.shape), bmm(a, b))[1])
    assert torch.equal(FullResolution()(signal, code, WINOGRAD.kernels(network, dtype)), whole)
    assert len(products) > 12  # of four layers

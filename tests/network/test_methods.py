"""What compiled code computes, whichever way; run as it stands."""

import pytest
import torch
from torch import Tensor

from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.kernels import Kernels
from tsexpand.network.methods import DIRECT, METHODS, WINOGRAD, Method

from .models import random_network, random_part

either = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


def logits(
    method: Method, signal: Tensor, code: Tensor, weights: Kernels, place: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Of a part of a signal that has all around it."""
    more = 2 * HALO + method.beyond
    rows, columns = (slice(first, first + length + more) for first, length in zip(place, size, strict=True))
    part = signal[..., rows, columns].contiguous(memory_format=torch.channels_last)
    return method.module()(part, code, weights)


@either
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (40, 24)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-6), (torch.bfloat16, 0.05)])
def test_it_gives_what_the_layers_give(
    network: ExpandNet, method: Method, height: int, width: int, dtype: torch.dtype, error: float
) -> None:
    signal = random_part(method, height, width)
    code = network.global_features(signal)
    expected = network.expand(signal, code, padded=False)[..., :height, :width]
    result = method.module()(signal, code, method.kernels(network, dtype))
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()


@pytest.mark.parametrize(("method", "size", "part"), [(WINOGRAD, (48, 32), (16, 16)), (DIRECT, (80, 72), (64, 64))])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pixel_is_the_same_in_any_part(
    network: ExpandNet, method: Method, size: tuple[int, int], part: tuple[int, int], dtype: torch.dtype
) -> None:
    signal = random_part(method, *size)
    code, weights = network.global_features(signal), method.kernels(network, dtype)
    whole = logits(method, signal, code, weights, (0, 0), size)
    found = logits(method, signal, code, weights, (method.block, 8), part)
    rows, columns = slice(method.block, method.block + part[0]), slice(8, 8 + part[1])
    assert torch.equal(found, whole[..., rows, columns])


@either
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_pixel_is_the_same_in_both_sizes_of_tiles(network: ExpandNet, method: Method, dtype: torch.dtype) -> None:
    """And anywhere in them, in the shapes that are compiled: of `DIRECT` it says most on a CPU with AMX."""
    signal = random_part(method, 144, 136)
    code, weights = network.global_features(signal), method.kernels(network, dtype)
    parts = [((0, 0), (120, 128)), ((0, 0), (136, 120)), ((24, 8), (120, 128))]
    first, other, moved = (logits(method, signal, code, weights, *part) for part in parts)
    assert torch.equal(first[..., :120], other[..., :120, :])
    assert torch.equal(first[..., 24:, 8:], moved[..., :96, :120])

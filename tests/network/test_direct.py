import pytest
import torch

from tsexpand.network.direct import FullResolution
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.methods import DIRECT

from .models import random_network, random_signal


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


def random_part(height: int, width: int) -> torch.Tensor:
    """With its halo."""
    signal = random_signal(1, 3, height + 2 * HALO, width + 2 * HALO)
    return signal.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 24), (40, 24)])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 5e-6), (torch.bfloat16, 0.05)])
def test_it_gives_what_the_layers_give(
    network: ExpandNet, height: int, width: int, dtype: torch.dtype, error: float
) -> None:
    signal = random_part(height, width)
    code = network.global_features(signal)
    expected = network.expand(signal, code, padded=False)
    result = FullResolution()(signal, code, DIRECT.kernels(network, dtype))
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()


def test_a_pixel_is_the_same_in_both_sizes_of_tiles(network: ExpandNet) -> None:
    """And anywhere in them, in the shapes that are compiled: says most where it runs on a CPU with AMX."""
    signal = random_part(144, 136)
    code, weights = network.global_features(signal), DIRECT.kernels(network, torch.bfloat16)

    def logits(top: int, left: int, height: int, width: int) -> torch.Tensor:
        part = signal[..., top : top + height + 2 * HALO, left : left + width + 2 * HALO]
        return FullResolution()(part.contiguous(memory_format=torch.channels_last), code, weights)

    first, other, moved = logits(0, 0, 120, 128), logits(0, 0, 136, 120), logits(24, 8, 120, 128)
    assert torch.equal(first[..., :120], other[..., :120, :])
    assert torch.equal(first[..., 24:, 8:], moved[..., :96, :120])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_pixel_is_the_same_in_any_part(network: ExpandNet, dtype: torch.dtype) -> None:
    signal = random_part(80, 72)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, DIRECT.kernels(network, dtype))
    part = signal[..., 8 : 72 + 2 * HALO, 8 : 72 + 2 * HALO].contiguous(memory_format=torch.channels_last)
    assert torch.equal(FullResolution()(part, code, DIRECT.kernels(network, dtype)), whole[..., 8:72, 8:72])

"""The compact network against its definition, written here a second time in other operations."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, linear, pad, pixel_shuffle, pixel_unshuffle, selu

from tsexpand.network.architectures import Architecture, Network
from tsexpand.network.compactnet import CompactNet, smoothed
from tsexpand.network.expandnet import GLOBAL_SIZE, resized

from .models import random_network, random_signal, random_weights

EXACT = {"atol": 2e-5, "rtol": 0.0}


@pytest.fixture(scope="module")
def network() -> Network:
    return random_weights(Architecture.COMPACT)


def defined(w: dict[str, Tensor], x: Tensor, code: Tensor) -> Tensor:
    """Pixels of 2×2 as channels, 3×3 layers on them, and so once more; blocks of gates; and all the way back."""

    def conv(name: str, x: Tensor) -> Tensor:
        weight = w[f"{name}.weight"]
        return conv2d(x, weight, w[f"{name}.bias"], padding=weight.shape[-1] // 2, groups=len(weight) // _width(name))

    def _width(name: str) -> int:
        return 1 if name.endswith("near") else len(w[f"{name}.weight"])

    def shift(name: str) -> Tensor:
        return linear(code, w[f"{name}.weight"], w[f"{name}.bias"])[..., None, None]

    stem = pixel_unshuffle(w["stem.weight"].view(48, 3, 6, 6), 2)  # (48, 12, 3, 3)
    half = selu(conv2d(pixel_unshuffle(2 * x - 1, 2), stem, w["stem.bias"], padding=1) + shift("stem_shift"))
    half = selu(conv("before", half))
    down = w["down.weight"].flatten(1)[..., None, None]
    quarter = conv2d(pixel_unshuffle(half, 2), down, w["down.bias"]) + shift("down_shift")
    for block in range(6):
        scaled = quarter / (quarter.square().mean(1, keepdim=True) + 0.01).sqrt()
        wide = conv(f"blocks.{block}.near", conv(f"blocks.{block}.widen", scaled))
        quarter = quarter + conv(f"blocks.{block}.narrow", wide[:, :88] * wide[:, 88:])
    half = half + pixel_shuffle(conv("up", quarter), 2)
    said = pixel_shuffle(conv("last", selu(conv("after", half))), 2)
    detail = (x - _blurred(x))[:, None]
    mixing = said[:, 3:].unflatten(1, (3, 3)).transpose(1, 2)  # a column for each channel of the signal
    return _blurred(said[:, :3]) + (mixing * detail).sum(2)


def _blurred(x: Tensor) -> Tensor:
    line = torch.tensor([1.0, 2, 2, 2, 1]) / 8
    kernel = (line[:, None] * line).expand(x.shape[1], 1, 5, 5)
    return conv2d(pad(x, (2, 2, 2, 2), mode="replicate"), kernel, groups=x.shape[1])


@pytest.mark.parametrize(("height", "width"), [(48, 64), (32, 4), (100, 36)])
def test_is_what_it_is_defined_as(network: Network, height: int, width: int) -> None:
    signal = random_signal(2, 3, height, width)
    expected = defined(network.state_dict(), signal, network.global_features(signal))
    assert expected.std() > 0.5  # or the comparison would say little
    torch.testing.assert_close(network(signal), expected, **EXACT)


def test_the_global_branch_is_that_of_the_published_network() -> None:
    network, published = CompactNet(), random_network()
    network.glob_net.load_state_dict(published.glob_net.state_dict())
    signal = random_signal(1, 3, 40, 56)
    expected = published.glob_net(resized(signal, GLOBAL_SIZE))[..., 0, 0]
    torch.testing.assert_close(network.global_features(signal), expected, **EXACT)


@pytest.mark.parametrize(("height", "width"), [(40, 64), (37, 50), (3, 9)])
def test_a_part_with_its_halo_is_that_of_the_whole(network: Network, height: int, width: int) -> None:
    larger = random_signal(1, 3, height + 2 * network.halo, width + 2 * network.halo)
    code = network.global_features(larger)
    inside = (..., slice(network.halo, -network.halo), slice(network.halo, -network.halo))
    part = network.expand(larger, code, padded=False)
    assert part.shape == (1, 3, height, width)
    torch.testing.assert_close(part, network.expand(larger, code)[inside], **EXACT)


def test_a_pixel_depends_on_its_halo_and_on_nothing_else(network: Network) -> None:
    signal = random_signal(1, 3, 132, 132).requires_grad_()
    network.expand(signal, torch.zeros(1, 64))[0, :, 64:68, 64:68].sum().backward()
    assert signal.grad is not None
    rows = signal.grad.abs().sum((0, 1, 3)).nonzero()
    assert rows.min() == 64 - network.halo and rows.max() == 67 + network.halo


def test_what_repeats_every_two_or_four_pixels_is_smoothed_away() -> None:
    lattice = random_signal(2, 5, 4, 4).repeat(1, 1, 6, 5)
    found = smoothed(lattice)
    assert found.shape == (2, 5, 20, 16)
    expected = lattice.mean((2, 3), keepdim=True).expand_as(found)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert torch.equal(smoothed(torch.full((1, 1, 9, 9), 0.3)), torch.full((1, 1, 5, 5), 0.3))


@pytest.mark.parametrize("level", [0.0, 0.3, 0.98, 1.0])
def test_what_is_flat_stays_flat(network: Network, level: float) -> None:
    """Whatever was learned: else a lattice of 4×4 pixels would lie over skies and windows."""
    side = 40 + 2 * network.halo
    flat = torch.tensor([level, level / 2, level]).view(1, 3, 1, 1).expand(1, 3, side, side)
    logits = network.expand(flat, random_signal(1, 64), padded=False)
    assert logits.abs().max() > 0.1
    assert (logits.amax((2, 3)) - logits.amin((2, 3))).max() < 1e-5


def test_its_cost_is_an_eighth_of_the_published_networks(network: Network) -> None:
    sizes = {"stem": 2, "before": 2, "after": 2, "last": 2}  # all others give their results at quarter size
    counted = 0.0
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d) and not name.startswith("glob_net"):
            counted += layer.weight.numel() / sizes.get(name, 4) ** 2
    assert counted == network.multiply_adds
    assert 8 * network.multiply_adds < random_network().multiply_adds


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_leaves_the_first_layers_and_the_last_in_float32(
    network: Network, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[torch.dtype] = []

    def observed(*arguments: Any, **options: Any) -> Tensor:
        results.append(conv2d(*arguments, **options).dtype)
        return conv2d(*arguments, **options)

    monkeypatch.setattr("tsexpand.network.compactnet.F.conv2d", observed)
    signal, code = random_signal(1, 3, 64, 64), torch.zeros(1, 64)
    with torch.autocast("cpu", dtype):
        logits = network.expand(signal, code)
    assert results == [torch.float32] * 2 + [dtype] * 21  # stem and before; down, three a block, up, after
    assert logits.dtype is torch.float32


def test_a_picture_of_no_whole_number_of_pixels_at_quarter_size_ends_as_its_edge(network: Network) -> None:
    signal = random_signal(1, 3, 50, 61)
    code = network.global_features(signal)
    whole = network.expand(pad(signal, (0, 3, 0, 2), mode="replicate"), code)
    assert torch.equal(network.expand(signal, code), whole[..., :50, :61])

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.machines import of_cores
from tsexpand.network.architectures import Architecture
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.tiling import ALIGNMENT, MIN_TILE, Edges, Tile, expand_tiled, tile_size, tiles

from .models import random_network, random_signal, random_weights

EXACT = {"atol": 2e-6, "rtol": 0.0}


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


@pytest.mark.parametrize(("height", "width"), [(48, 64), (37, 53), (7, 5), (1, 70)])
@pytest.mark.parametrize("tile", [16, 17, 31, 64, 1000])
def test_tiles_equal_the_whole_frame(network: ExpandNet, height: int, width: int, tile: int) -> None:
    signal = random_signal(1, 3, height, width)
    whole = network(signal.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(expand_tiled(network, signal, tile), whole, **EXACT)


@pytest.mark.parametrize(("height", "width"), [(37, 53), (7, 5), (1, 70)])
@pytest.mark.parametrize("tile", [3, 16, 31, 1000])
def test_held_edges_are_those_of_a_larger_frame(network: ExpandNet, height: int, width: int, tile: int) -> None:
    signal = random_signal(1, 3, height, width)
    larger = F.pad(signal, (HALO,) * 4, mode="replicate").contiguous(memory_format=torch.channels_last)
    whole = network.expand(larger, network.global_features(signal))[:, :, HALO:-HALO, HALO:-HALO]
    torch.testing.assert_close(expand_tiled(network, signal, tile, Edges.HELD), whole, **EXACT)


def test_a_flat_frame_stays_flat_with_held_edges(network: ExpandNet) -> None:
    logits = expand_tiled(network, torch.full((1, 3, 20, 30), 0.7), 16, Edges.HELD)
    torch.testing.assert_close(logits, logits[:, :, :1, :1].expand_as(logits), **EXACT)


def test_tiles_smaller_than_the_halo_are_exact_too(network: ExpandNet) -> None:
    signal = random_signal(1, 3, 9, 11)
    torch.testing.assert_close(expand_tiled(network, signal, 2), expand_tiled(network, signal, 11), **EXACT)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_frame_is_the_same_in_any_batch(network: ExpandNet, dtype: torch.dtype) -> None:
    signal = random_signal(3, 3, 24, 20)
    together = expand_tiled(network, signal, 16, dtype=dtype)
    alone = torch.cat([expand_tiled(network, frame, 16, dtype=dtype) for frame in signal.split(1)])
    assert torch.equal(together, alone)


def test_the_global_branch_stays_in_float32(network: ExpandNet) -> None:
    seen: list[Tensor] = []
    handle = network.glob_net[6].register_forward_hook(lambda module, inputs, result: seen.append(result))
    logits = expand_tiled(network, random_signal(2, 3, 20, 20), 16, dtype=torch.bfloat16)
    handle.remove()
    assert [tuple(code.shape) for code in seen] == [(1, 64, 1, 1)] * 2  # once a frame, not once a tile
    assert {code.dtype for code in seen} == {torch.float32}
    assert logits.dtype == torch.float32


@pytest.mark.parametrize(("height", "width"), [(33, 49), (16, 5), (3, 100), (270, 480)])
@pytest.mark.parametrize("most", [8, 16, 50, 108])
def test_tiles_cover_every_pixel_and_all_are_alike(height: int, width: int, most: int) -> None:
    size = tile_size(height, width, most)
    covered = torch.zeros(height, width)
    for tile in tiles(height, width, *size):
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
        assert (tile.height, tile.width) == size
        assert not any(side % ALIGNMENT for side in tile)
        assert tile.top + tile.height < height + ALIGNMENT and tile.left + tile.width < width + ALIGNMENT
    assert covered.min() == 1
    assert max(size) <= most
    assert covered.mean() <= 2  # overlaps are small


@pytest.mark.parametrize(
    ("frame", "cores", "size"),
    [
        ((480, 854), 1, (160, 144)),  # 3×6 have less beyond the frame than 3×5
        ((540, 960), 1, (184, 192)),  # 3×5
        ((540, 960), 2, (136, 192)),  # 4×5: of 3×5 the last would be waited for
        ((192, 192), 1, (192, 192)),
        ((192, 192), 4, (96, 96)),  # no core is idle
        ((24, 24), 16, (24, 24)),
    ],
)
def test_no_core_waits_for_the_last_tile(frame: tuple[int, int], cores: int, size: tuple[int, int]) -> None:
    assert tile_size(*frame, 192, cores) == size


@pytest.mark.parametrize("length", [8, 56, 64, 65, 90, 130, 200, 1080])
@pytest.mark.parametrize("most", [MIN_TILE, 80, 192])
@pytest.mark.parametrize("cores", [1, 7])
def test_no_tile_is_smaller_than_need_be(length: int, most: int, cores: int) -> None:
    """Some convolutions of narrower ones are rounded in another way; found on a CPU with AMX."""
    assert min(tile_size(length, length, most, cores)) >= min(MIN_TILE, -(-length // ALIGNMENT) * ALIGNMENT)


def test_a_fixed_tile_covers_what_is_smaller() -> None:
    assert list(tiles(50, 250, 108, 120)) == [Tile(0, 0, 108, 120), Tile(0, 120, 108, 120), Tile(0, 136, 108, 120)]


@pytest.mark.parametrize("edges", Edges)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), [(90, 130), (17, 200), (8, 300), (300, 8)])
def test_tiles_and_cores_change_no_bit(
    network: ExpandNet, height: int, width: int, edges: Edges, dtype: torch.dtype
) -> None:
    signal = random_signal(1, 3, height, width)
    results = []
    for cores, tile in ((1, 1000), (2, 1000), (1, MIN_TILE), (7, MIN_TILE), (3, 80), (16, 1000)):
        with of_cores(cores):
            results.append(expand_tiled(network, signal, tile, edges, dtype))
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (3, 130), (9, 65)])
def test_tiles_of_slivers_change_no_bit_with_held_edges(network: ExpandNet, size: tuple[int, int]) -> None:
    signal = random_signal(1, 3, *size)
    whole, tiled = (expand_tiled(network, signal, tile, Edges.HELD) for tile in (1000, MIN_TILE))
    assert torch.equal(whole, tiled)


def test_no_tile_of_nothing(network: ExpandNet) -> None:
    with pytest.raises(ValueError, match="tile 0"):
        expand_tiled(network, random_signal(1, 3, 8, 8), 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("height", "width"), [(90, 130), (17, 200), (8, 300), (301, 70)])
def test_tiles_and_cores_change_no_bit_of_the_compact_network(height: int, width: int, dtype: torch.dtype) -> None:
    network, signal = random_weights(Architecture.COMPACT), random_signal(1, 3, height, width)
    results = []
    for cores, tile in ((1, 1000), (2, 1000), (1, MIN_TILE), (7, MIN_TILE), (3, 80), (16, 1000)):
        with of_cores(cores):
            results.append(expand_tiled(network, signal, tile, Edges.HELD, dtype))
    assert all(torch.equal(result, results[0]) for result in results)


def test_held_edges_of_the_compact_network_are_those_of_a_larger_frame() -> None:
    network, signal = random_weights(Architecture.COMPACT), random_signal(1, 3, 37, 53)
    larger = F.pad(signal, (network.halo,) * 4, mode="replicate").contiguous(memory_format=torch.channels_last)
    whole = network.expand(larger, network.global_features(signal), padded=False)
    torch.testing.assert_close(expand_tiled(network, signal, 1000, Edges.HELD), whole, **EXACT)

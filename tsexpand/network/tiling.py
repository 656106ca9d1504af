"""Whole-frame results from tiles: bounded memory, no seams."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..cores import at_once, run
from .architectures import Network
from .expandnet import CODE, HALO

ALIGNMENT = 8
"""Sizes and places of tiles are multiples of it where nothing else is said: right for vectors and Winograd's blocks."""

MIN_TILE = 64
"""Height and width of tiles, at least, where frames are as large and nothing less is asked for: of smaller ones most of
the work would be halo, and some convolutions of theirs are so small that PyTorch computes, and rounds, them in another
way (on CPUs with AMX those of rows of 48 pixels)."""


class Edges(Enum):
    """What the network sees beyond the frame.

    ZERO: black, as published: bright areas get darker towards the edge.
    HELD: the pixels of the edge, repeated.
    """

    ZERO = "zero"
    HELD = "held"


class Tile(NamedTuple):
    """A part of a frame: pixels, from the upper left."""

    top: int
    left: int
    height: int
    width: int


TakeTile = Callable[[Tile, Tensor, Tensor], None]
"""Takes a tile, its logits (N, 3, h, w) and its R′G′B′ in [0, 1], likewise, both dense, with what lies beyond the
frame; from several threads at once, perhaps, and what lies in two tiles twice, with the same values."""

Expand = Callable[[Tensor, Tensor, bool], Tensor]
"""`Network.expand`, or the same in another way."""

TiledNetwork = Callable[[Tensor, TakeTile], None]
"""Computes frames (N, 3, H, W) and gives each of their tiles away as soon as it is there."""


def tile_size(
    height: int, width: int, most: int, cores: int = 1, halo: int = HALO, least: int = ALIGNMENT
) -> tuple[int, int]:
    """Height and width of equal tiles for frames, so that no sliver remains and no core waits for the last tile.

    Of sizes that cover a frame in up to twice as many rows and columns of tiles as are needed, that with which the
    busiest core computes least.

    Args:
        height: of the frames.
        width: likewise.
        most: pixels of a tile in either direction, at least 1; below `ALIGNMENT` they are that many all the same.
        cores: tiles that are computed at the same time, one a core.
        halo: of a tile. So many rows and columns does it cost beside its own, about: layers compute a part of it at
            either edge, and they have to be called.
        least: height and width of a tile, where the frame is smaller.
    """
    if most < 1:
        raise ValueError(f"tile {most} is less than 1")
    most = max(ALIGNMENT, most // ALIGNMENT * ALIGNMENT)

    def busiest(size: tuple[int, int]) -> int:
        count = -(-height // size[0]) * -(-width // size[1])
        return -(-count // cores) * (size[0] + halo) * (size[1] + halo)

    return min(product(_sizes(height, most, least), _sizes(width, most, least)), key=busiest)


def _sizes(length: int, most: int, least: int) -> list[int]:
    """Of tiles that cover a length, the largest first; not smaller than `MIN_TILE` without need."""
    fewest = -(-length // most)
    smallest = min(MIN_TILE, most, max(least, _aligned(length)))
    sizes = (max(smallest, _aligned(-(-length // count))) for count in range(fewest, 2 * fewest + 1))
    return list(dict.fromkeys(sizes))


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def tiles(height: int, width: int, tile_height: int, tile_width: int) -> Iterator[Tile]:
    """Tiles of one size that cover a frame.

    The last ones overlap those before, or reach beyond the frame, where it is smaller than a tile or no multiple of
    `ALIGNMENT`: the size never changes, as layers may round otherwise in tiles of another.
    """
    for top in _places(height, tile_height):
        for left in _places(width, tile_width):
            yield Tile(top, left, tile_height, tile_width)


def _places(length: int, size: int) -> list[int]:
    last = max(0, _aligned(length) - size)
    return [min(first, last) for first in range(0, length, size)]


def held(signal: Tensor, tile_height: int, tile_width: int, beyond: int = 0, halo: int = HALO) -> Tensor:
    """Frames with the pixels of their edges repeated beyond them, as far as tiles of a size and their halo reach.

    Args:
        signal: (N, 3, H, W), whole frames.
        tile_height: of a tile.
        tile_width: likewise.
        beyond: pixels below and right of the halo that are computed with.
        halo: of a tile.
    """
    height, width = signal.shape[-2:]
    below, after = (
        max(size, _aligned(length)) - length for length, size in ((height, tile_height), (width, tile_width))
    )
    return F.pad(signal, (halo, halo + after + beyond, halo, halo + below + beyond), mode="replicate")


def part_of(held: Tensor, tile: Tile, beyond: int = 0, halo: int = HALO) -> Tensor:
    """A tile of frames from `held`, channels last, with all of its halo and what is beyond it."""
    rows = slice(tile.top, tile.top + tile.height + 2 * halo + beyond)
    columns = slice(tile.left, tile.left + tile.width + 2 * halo + beyond)
    return held[:, :, rows, columns].contiguous(memory_format=torch.channels_last)


def global_code(network: Network, signal: Tensor) -> Tensor:
    """The global branch: whole frames (N, 3, H, W) to (N, 64), each frame once.

    In float32 whatever the caller's autocast, and frame by frame, as convolutions round differently in
    batches. Its rounding would shift whole frames, which flickers; this way a frame is the same in any
    batch, and it costs next to nothing.
    """
    code = signal.new_empty(signal.shape[0], CODE)

    def features(number: int) -> None:
        with torch.autocast(signal.device.type, enabled=False):
            code[number] = network.global_features(signal[number : number + 1])[0]

    run((partial(features, number) for number in range(len(signal))), signal.device)
    return code


def logit_tiles(
    network: Network,
    signal: Tensor,
    tile: int,
    edges: Edges,
    take: TakeTile,
    dtype: torch.dtype = torch.float32,
    expand: Expand | None = None,
) -> None:
    """The network's output tile by tile, equal to that of whole frames.

    Args:
        network: in evaluation mode.
        signal: (N, 3, H, W), whole frames, float32 R′G′B′ in [0, 1].
        tile: height and width of a tile at most; the halo comes on top. From `MIN_TILE` on any gives the same to the
            last bit, below, at least 1, to rounding.
        edges: what lies beyond the frame.
        take: gets each tile.
        dtype: of the convolutions.
        expand: what computes in the place of the network's own.
    """
    expand = expand or network.expand
    height, width = signal.shape[-2:]
    halo = network.halo
    size = tile_size(height, width, tile, at_once(signal.device), halo, network.smallest_tile)
    code = global_code(network, signal)
    frames = held(signal, *size, halo=halo) if edges is Edges.HELD else signal

    def compute(place: Tile) -> None:
        with torch.autocast(signal.device.type, dtype, enabled=dtype is not torch.float32):
            if edges is Edges.HELD:
                part = part_of(frames, place, halo=halo)
                logits, shown = expand(part, code, False).contiguous(), within_halo(part, halo=halo)
            else:
                logits, shown = _published_part(expand, frames, place, code, halo)
        take(place, logits, shown)

    run((partial(compute, place) for place in tiles(height, width, *size)), signal.device)


def within_halo(part: Tensor, beyond: int = 0, halo: int = HALO) -> Tensor:
    """A part without its halo, and what is beyond, dense."""
    own = slice(halo, -halo - beyond)
    return part[..., own, own].contiguous()


def put(tile: Tile, pixels: Tensor, frames: Tensor) -> None:
    """Writes pixels (N, 3, h, w) of a tile into frames (N, 3, H, W), without what lies beyond them."""
    rows = slice(tile.top, min(tile.top + tile.height, frames.shape[2]))
    columns = slice(tile.left, min(tile.left + tile.width, frames.shape[3]))
    frames[:, :, rows, columns] = pixels[:, :, : rows.stop - rows.start, : columns.stop - columns.start]


def _published_part(expand: Expand, signal: Tensor, tile: Tile, code: Tensor, halo: int) -> tuple[Tensor, Tensor]:
    """Logits and signal of one tile, computed with as much of the halo as lies within the frame; beyond it zeros.

    What is missing of the halo lies beyond the frame. There, and only there, the zero padding of
    the layers stands in the result, exactly as for the whole frame.
    """
    height, width = signal.shape[-2:]
    top, left = max(tile.top - halo, 0), max(tile.left - halo, 0)
    bottom, right = min(tile.top + tile.height + halo, height), min(tile.left + tile.width + halo, width)
    part = signal[:, :, top:bottom, left:right].contiguous(memory_format=torch.channels_last)
    own = (
        ...,
        slice(tile.top - top, tile.top - top + tile.height),
        slice(tile.left - left, tile.left - left + tile.width),
    )
    shown = part[own]
    beyond = (0, tile.width - shown.shape[3], 0, tile.height - shown.shape[2])
    return F.pad(expand(part, code, True)[own], beyond).contiguous(), F.pad(shown, beyond).contiguous()


def expand_tiled(
    network: Network, signal: Tensor, tile: int, edges: Edges = Edges.ZERO, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Logits of whole frames, the network's `forward` in bounded memory: (N, 3, H, W) to (N, 3, H, W), float32."""
    result = signal.new_empty(signal.shape)
    logit_tiles(network, signal, tile, edges, lambda place, logits, shown: put(place, logits, result), dtype)
    return result

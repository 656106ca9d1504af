"""Whole-frame results from tiles: bounded memory, no seams."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .expandnet import HALO, ExpandNet

ALIGNMENT = 4
"""Sizes and places of tiles are multiples of it, as Winograd's blocks want."""


class Edges(Enum):
    """What the network sees beyond the frame.

    ZERO: black, as published: bright areas get darker towards the edge.
    HELD: the pixels of the edge, repeated.
    """

    ZERO = "zero"
    HELD = "held"


LogitTiles = Callable[[Tensor], Iterator[tuple[slice, slice, Tensor]]]
"""Frames (N, 3, H, W) to rows, columns and logits of their tiles."""


class Tile(NamedTuple):
    """A part of a frame: pixels, from the upper left."""

    top: int
    left: int
    height: int
    width: int


def even_size(length: int, most: int) -> int:
    """Of the fewest tiles of at most so many pixels that cover a length, all equal: no sliver remains.

    Args:
        length: to be covered.
        most: pixels of a tile, at least 1; below `ALIGNMENT` they are that many all the same.
    """
    if most < 1:
        raise ValueError(f"tile {most} is less than 1")
    most = max(ALIGNMENT, most // ALIGNMENT * ALIGNMENT)
    return _aligned(-(-length // -(-length // most)))


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def tiles(height: int, width: int, tile_height: int, tile_width: int) -> Iterator[Tile]:
    """Tiles of one size that cover a frame.

    The last ones overlap those before, or reach beyond the frame, where it is smaller than a tile or no multiple of
    `ALIGNMENT`: the size never changes, as compiled code wants it.
    """
    for top in _places(height, tile_height):
        for left in _places(width, tile_width):
            yield Tile(top, left, tile_height, tile_width)


def _places(length: int, size: int) -> list[int]:
    last = max(0, _aligned(length) - size)
    return [min(first, last) for first in range(0, length, size)]


def held_parts(signal: Tensor, tile_height: int, tile_width: int) -> Iterator[tuple[Tile, Tensor]]:
    """Parts of frames with all of their halo, the pixels of the edges repeated beyond the frame.

    Args:
        signal: (N, 3, H, W), whole frames.
        tile_height: of a tile.
        tile_width: likewise.

    Yields:
        Each tile, and (N, 3, tile_height + 2·HALO, tile_width + 2·HALO), channels last.
    """
    height, width = signal.shape[-2:]
    below, after = (
        max(size, _aligned(length)) - length for length, size in ((height, tile_height), (width, tile_width))
    )
    held = F.pad(signal, (HALO, HALO + after, HALO, HALO + below), mode="replicate")
    for tile in tiles(height, width, tile_height, tile_width):
        part = held[:, :, tile.top : tile.top + tile_height + 2 * HALO, tile.left : tile.left + tile_width + 2 * HALO]
        yield tile, part.contiguous(memory_format=torch.channels_last)


def global_code(network: ExpandNet, signal: Tensor) -> Tensor:
    """The global branch: whole frames (N, 3, H, W) to (N, 64), each frame once.

    In float32 whatever the caller's autocast, and frame by frame, as convolutions round differently in
    batches. Its rounding would shift whole frames, which flickers; this way a frame is the same in any
    batch, and it costs next to nothing.
    """
    with torch.autocast(signal.device.type, enabled=False):
        return torch.cat([network.global_features(frame) for frame in signal.unsqueeze(1)])


def logit_tiles(
    network: ExpandNet, signal: Tensor, tile: int, edges: Edges = Edges.ZERO
) -> Iterator[tuple[slice, slice, Tensor]]:
    """The network's output tile by tile, equal to that of whole frames.

    Args:
        network: in evaluation mode.
        signal: (N, 3, H, W), whole frames, float32 R′G′B′ in [0, 1].
        tile: height and width of a tile at most, at least 1; the halo comes on top.
        edges: what lies beyond the frame.

    Yields:
        Rows, columns, and the logits (N, 3, rows, columns), float32, of each tile.
    """
    height, width = signal.shape[-2:]
    size = even_size(height, tile), even_size(width, tile)
    code = global_code(network, signal)
    if edges is Edges.HELD:
        for place, part in held_parts(signal, *size):
            logits = network.expand(part, code)[..., HALO:-HALO, HALO:-HALO]
            yield placed(place, logits, height, width)
    else:
        for place in tiles(height, width, *size):
            yield _published_part(network, signal, place, code)


def placed(tile: Tile, pixels: Tensor, height: int, width: int) -> tuple[slice, slice, Tensor]:
    """Rows and columns of a frame that a tile covers, and its pixels there; what lies beyond the frame is left out."""
    rows = slice(tile.top, min(tile.top + tile.height, height))
    columns = slice(tile.left, min(tile.left + tile.width, width))
    return rows, columns, pixels[..., : rows.stop - rows.start, : columns.stop - columns.start]


def _published_part(network: ExpandNet, signal: Tensor, tile: Tile, code: Tensor) -> tuple[slice, slice, Tensor]:
    """One tile, computed with as much of the halo as lies within the frame.

    What is missing of the halo lies beyond the frame. There, and only there, the zero padding of
    the layers stands in the result, exactly as for the whole frame.
    """
    height, width = signal.shape[-2:]
    top, left = max(tile.top - HALO, 0), max(tile.left - HALO, 0)
    bottom, right = min(tile.top + tile.height + HALO, height), min(tile.left + tile.width + HALO, width)
    part = signal[:, :, top:bottom, left:right].contiguous(memory_format=torch.channels_last)
    return placed(tile, network.expand(part, code)[:, :, tile.top - top :, tile.left - left :], height, width)


def expand_tiled(network: ExpandNet, signal: Tensor, tile: int, edges: Edges = Edges.ZERO) -> Tensor:
    """Logits of whole frames, `ExpandNet.forward` in bounded memory: (N, 3, H, W) to (N, 3, H, W), float32."""
    logits = signal.new_empty(signal.shape)
    for rows, columns, part in logit_tiles(network, signal, tile, edges):
        logits[:, :, rows, columns] = part
    return logits

"""Whole-frame results from tiles: bounded memory, no seams."""

from collections.abc import Iterator
from enum import Enum

import torch
import torch.nn.functional as F
from torch import Tensor

from .expandnet import HALO, ExpandNet


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    """The fewest parts of at most `tile` pixels, of equal length to a pixel, so that no sliver remains."""
    count = -(-length // tile)
    for i in range(count):
        yield length * i // count, length * (i + 1) // count


class Edges(Enum):
    """What the network sees beyond the frame.

    ZERO: black, as published: bright areas get darker towards the edge.
    HELD: the pixels of the edge, repeated.
    """

    ZERO = "zero"
    HELD = "held"


def _expand_part(network: ExpandNet, signal: Tensor, rows: slice, columns: slice, code: Tensor, edges: Edges) -> Tensor:
    """Logits of one tile, computed with as much of the halo as lies within the frame.

    What is missing of the halo lies beyond the frame. There, and only there, the zero padding of
    the layers stands in the result, exactly as for the whole frame; or the edge is repeated.
    """
    height, width = signal.shape[-2:]
    top, left = max(rows.start - HALO, 0), max(columns.start - HALO, 0)
    bottom, right = min(rows.stop + HALO, height), min(columns.stop + HALO, width)
    part = signal[:, :, top:bottom, left:right]
    if edges is Edges.HELD:
        above, before = HALO - (rows.start - top), HALO - (columns.start - left)
        below, after = HALO - (bottom - rows.stop), HALO - (right - columns.stop)
        part = F.pad(part, (before, after, above, below), mode="replicate")
        top, left = rows.start - HALO, columns.start - HALO
    logits = network.expand(part.contiguous(memory_format=torch.channels_last), code)
    return logits[:, :, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def logit_tiles(
    network: ExpandNet, signal: Tensor, tile: int, edges: Edges = Edges.ZERO
) -> Iterator[tuple[slice, slice, Tensor]]:
    """The network's output tile by tile, equal to that of whole frames.

    The global branch sees each whole frame once: in float32 whatever the caller's autocast, and
    alone, as convolutions round differently in batches. Its rounding would shift whole frames,
    which flickers; this way a frame is the same in any batch, and it costs next to nothing.

    Args:
        network: in evaluation mode.
        signal: (N, 3, H, W), whole frames, float32 R′G′B′ in [0, 1].
        tile: height and width of a tile at most, at least 1; the halo comes on top.
        edges: what lies beyond the frame.

    Yields:
        Rows, columns, and the logits (N, 3, rows, columns), float32, of each tile.
    """
    if tile < 1:
        raise ValueError(f"tile {tile} is less than 1")
    height, width = signal.shape[-2:]
    with torch.autocast(signal.device.type, enabled=False):
        code = torch.cat([network.global_features(frame) for frame in signal.unsqueeze(1)])
    for top, bottom in _spans(height, tile):
        for left, right in _spans(width, tile):
            rows, columns = slice(top, bottom), slice(left, right)
            yield rows, columns, _expand_part(network, signal, rows, columns, code, edges)


def expand_tiled(network: ExpandNet, signal: Tensor, tile: int, edges: Edges = Edges.ZERO) -> Tensor:
    """Logits of whole frames, `ExpandNet.forward` in bounded memory: (N, 3, H, W) to (N, 3, H, W), float32."""
    logits = signal.new_empty(signal.shape)
    for rows, columns, part in logit_tiles(network, signal, tile, edges):
        logits[:, :, rows, columns] = part
    return logits

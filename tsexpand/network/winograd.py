"""The full-resolution part of ExpandNet in fewer multiplications, to be compiled.

By Winograd's minimal filtering (`minimal_filtering`). A dilated convolution is an ordinary one on every second row and
column. The transforms around the products are worth it only where a compiler fuses them with what comes before and
after; run layer by layer, all this is slower than `ExpandNet.expand`, which gives the same to rounding.
"""

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from .expandnet import HALO
from .features import activated, first, logits
from .kernels import Kernels
from .minimal_filtering import REACH, SIZE, of_inputs, of_products

_FRONT = -6
"""The axis before rows, phases, columns, phases and channels."""

BLOCK = 2 * SIZE
"""Places and sizes of parts are multiples of it: a block on every second row."""

BEYOND = 4 * SIZE - 8
"""Pixels below and right of the halo that are computed with, as layers give whole blocks."""

_STRIP = 5 << 20
"""Bytes that products read and write at a time, about: of more, what is not in the cache any more is waited for."""


class FullResolution(nn.Module):
    """`ExpandNet.expand` on one part of a frame with all of its halo.

    A pixel is computed in the same way, to the last bit, in any part: blocks of results, on every second row where the
    dilation is 2, lie at multiples of `BLOCK` in the frame, as parts do.
    """

    def forward(self, signal: Tensor, global_features: Tensor, kernels: Kernels) -> Tensor:
        """Logits of a part.

        Args:
            signal: (1, 3, h + 2·HALO + BEYOND, w + 2·HALO + BEYOND), R′G′B′ in [0, 1], channels last; h and w multiples
                of `BLOCK`.
            global_features: (1, 64), from `ExpandNet.global_features` of the whole frame.
            kernels: of the network, see `kernels_of`.

        Returns:
            (1, 3, h, w), float32, before the sigmoid.
        """
        own = slice(HALO - 2, 2 - HALO - BEYOND)
        inner = signal[..., own, own].contiguous(memory_format=torch.channels_last)
        local = first(inner, "local_first", 1, kernels)
        local = _convolved(_Raster(local, 1), kernels["local"], activated("local", kernels))
        mid = first(signal, "mid_first", 2, kernels)
        mid = _convolved(_Raster(mid, 2), kernels["mid_1"], activated("mid_1", kernels))
        mid = _convolved(_Blocks(mid), kernels["mid_2"], activated("mid_2", kernels))
        mid = _convolved(_Blocks(mid), kernels["mid_3"], lambda result: result)
        share = torch.unflatten(torch.mm(local.flatten(0, -2), kernels["fusion"]), 0, local.shape[:-1])
        return _raster(logits(_as_dilated(share), mid, global_features, kernels)).permute(2, 0, 1)[None]


class _Windows(Protocol):
    """Windows of `REACH` rows and columns, one for each block of results.

    Attributes:
        shape: of as many values as there are windows: rows, phases, columns, phases, channels.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def down(self, a: int, rows: slice) -> Tensor:
        """Row a of the windows of some rows, all columns."""
        ...

    def across(self, rows: Tensor, b: int) -> Tensor:
        """Column b of the windows; of rows as `down` gives them, with what was done to them in front."""
        ...


class _Raster:
    """Windows of features (rows, columns, channels)."""

    def __init__(self, features: Tensor, dilation: int) -> None:
        height, width, channels = features.shape
        down, right = width * channels, channels
        # as_strided wants its input written down: else a value is computed for every window that it is in.
        phases = features.as_strided(
            (height // dilation, dilation, width // dilation, dilation, channels),
            (dilation * down, down, dilation * right, right, 1),
        )
        self._phases = phases
        self._rows, self._columns = ((phases.shape[axis] - 2) // SIZE for axis in (0, 2))

    @property
    def shape(self) -> tuple[int, ...]:
        dilation, channels = self._phases.shape[1], self._phases.shape[4]
        return self._rows, dilation, self._columns, dilation, channels

    def down(self, a: int, rows: slice) -> Tensor:
        return self._phases[self._every(a, self._rows)][rows]

    def across(self, rows: Tensor, b: int) -> Tensor:
        return rows[..., self._every(b, self._columns), :, :]

    def _every(self, first: int, count: int) -> slice:
        return slice(first, first + SIZE * (count - 1) + 1, SIZE)


class _Blocks:
    """Windows of the results of another convolution with the same dilation, as `_convolved` gives them."""

    def __init__(self, results: Tensor) -> None:
        self._results = results

    @property
    def shape(self) -> tuple[int, ...]:
        rows, phases, columns, _, channels = self._results.shape[2:]
        return rows - 1, phases, columns - 1, phases, channels

    def down(self, a: int, rows: slice) -> Tensor:
        block, row = divmod(a, SIZE)
        return self._results[row, :, block : block + self.shape[0]][:, rows]

    def across(self, rows: Tensor, b: int) -> Tensor:
        block, column = divmod(b, SIZE)
        return rows[..., column, :, :, block : block + self.shape[2], :, :]


def _convolved(windows: _Windows, kernel: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """A 3×3 convolution of blocks of results, in strips.

    Args:
        windows: of the blocks.
        kernel: (REACH², I, O), see `minimal_filtering.transformed`.
        then: what is done to the results, in float32.

    Returns:
        (SIZE, SIZE, rows, phases, columns, phases, O): row and column in the block, then the block.
    """
    rows, *others, channels = windows.shape
    a_row = math.prod(others) * len(kernel) * (channels + kernel.shape[2]) * kernel.dtype.itemsize
    size = -(-rows // -(-rows * a_row // _STRIP))
    strips = [_strip(windows, slice(top, top + size), kernel, then) for top in range(0, rows, size)]
    return torch.unflatten(torch.cat(strips, dim=1), 0, (SIZE, SIZE))


def _strip(windows: _Windows, rows: slice, kernel: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """Some rows of blocks: (SIZE², rows, phases, columns, phases, O).

    What was done to rows is written down before columns are looked at: what is fused has then fewer terms than
    registers, and is compiled in a fraction of the time.
    """
    down = torch.stack(of_inputs([windows.down(a, rows).float() for a in range(REACH)]))
    inputs = of_inputs([windows.across(down, b) for b in range(REACH)])
    entries = _joined([entry.to(kernel.dtype) for entry in inputs])
    products = torch.bmm(entries.flatten(1, -2), kernel).float()
    square = torch.unflatten(torch.unflatten(products, 1, entries.shape[1:-1]), 0, (REACH, REACH))
    across = torch.stack(of_products([square[a] for a in range(REACH)]))
    results = of_products([across.select(_FRONT, b) for b in range(REACH)])
    return _joined([then(result).to(kernel.dtype) for result in results])


def _joined(columns: list[Tensor]) -> Tensor:
    """Tensors that hold all rows of a column of blocks each, as one: row by row all entries."""
    return torch.stack(columns, _FRONT).flatten(0, 1)


def _as_dilated(results: Tensor) -> Tensor:
    """Results of dilation 1 in the order of those of 2: (4, 4, h/4, 1, w/4, 1, C) to (4, 4, h/8, 2, w/8, 2, C)."""
    half = SIZE // 2
    split = torch.unflatten(torch.unflatten(results.flatten(2, 3).flatten(3, 4), 2, (-1, 2)), 4, (-1, 2))
    split = torch.unflatten(torch.unflatten(split, 1, (half, 2)), 0, (half, 2))
    return split.permute(5, 0, 7, 2, 4, 1, 6, 3, 8).flatten(2, 3).flatten(0, 1)


def _raster(results: Tensor) -> Tensor:
    """Results (SIZE, SIZE, rows, phases, columns, phases, C) of blocks as (h, w, C)."""
    return results.permute(2, 0, 3, 4, 1, 5, 6).flatten(3, 5).flatten(0, 2)

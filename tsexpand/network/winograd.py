"""The full-resolution part of ExpandNet in fewer multiplications, to be compiled.

By Winograd's minimal filtering (`minimal_filtering`). A dilated convolution is an ordinary one on every second row and
column. The transforms around the products are worth it only where a compiler fuses them with what comes before and
after; run layer by layer, all this is slower than `ExpandNet.expand`, which gives the same to rounding.
"""

import math
from collections.abc import Callable
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .expandnet import HALO, ExpandNet
from .minimal_filtering import Filtering, filtering, transformed

Kernels = dict[str, Tensor]
"""The weights as `FullResolution` takes them: an input, so that what is compiled serves all weights."""

_FRONT = -6
"""The axis before rows, phases, columns, phases and channels."""

_STRIP = 5 << 20
"""Bytes that products read and write at a time, about: of more, what is not in the cache any more is waited for."""


def kernels(network: ExpandNet, dtype: torch.dtype) -> Kernels:
    """The weights of a network.

    The last dilated layer has no activation after it, so that its share of the fusion goes into it.

    Args:
        network: that they are of.
        dtype: of the products; the first layers and the last are float32 always.
    """
    how = filtering(dtype)
    local, mid = [_convolution(layer) for layer in network.local_net], [_convolution(m) for m in network.mid_net]
    first, last = _convolution(network.end_net[0]), _convolution(network.end_net[1])
    fusion = first.weight[:, :, 0, 0].double()
    from_local, from_mid = fusion[:, : local[1].out_channels], fusion[:, local[1].out_channels :]
    from_mid = from_mid[:, : mid[3].out_channels]
    merged = torch.einsum("om,mikl->oikl", from_mid, mid[3].weight.double())
    products = {
        "local": transformed(local[1].weight, how),
        "mid_1": transformed(mid[1].weight, how),
        "mid_2": transformed(mid[2].weight, how),
        "mid_3": transformed(merged, how),
        "fusion": from_local.mT,
    }
    exact = {
        "local_first": local[0].weight.contiguous(memory_format=torch.channels_last),
        "local_first_bias": local[0].bias,
        "local_bias": local[1].bias,
        "mid_first": mid[0].weight.contiguous(memory_format=torch.channels_last),
        "mid_first_bias": mid[0].bias,
        "mid_1_bias": mid[1].bias,
        "mid_2_bias": mid[2].bias,
        "fusion_bias": from_mid @ mid[3].bias.double() if mid[3].bias is not None else None,
        "last": last.weight[:, :, 0, 0].mT,
        "last_bias": last.bias,
    }
    of_products = {name: _own(tensor.to(dtype)) for name, tensor in products.items()}
    return of_products | {name: _own(cast(Tensor, tensor).float()) for name, tensor in exact.items()}


def _convolution(layer: nn.Module) -> nn.Conv2d:
    return cast(nn.Conv2d, layer[0] if isinstance(layer, nn.Sequential) else layer)


def _own(tensor: Tensor) -> Tensor:
    """The same in memory of its own, which compiled code may rely on; dense, channels last where it has four axes."""
    memory_format = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
    return tensor.detach().clone(memory_format=memory_format)


class FullResolution(nn.Module):
    """`ExpandNet.expand` on one part of a frame with all of its halo.

    A pixel is computed in the same way, to the last bit, in any part: blocks of results, on every second row where the
    dilation is 2, lie at multiples of `Filtering.block` in the frame, as parts do.
    """

    def forward(self, signal: Tensor, global_features: Tensor, kernels: Kernels) -> Tensor:
        """Logits of a part.

        Args:
            signal: (1, 3, h + 2·HALO + beyond, w + 2·HALO + beyond), R′G′B′ in [0, 1], channels last; h and w multiples
                of `Filtering.block`, and `Filtering.beyond`, as the filtering of the number type says.
            global_features: (1, 64), from `ExpandNet.global_features` of the whole frame.
            kernels: of the network.

        Returns:
            (1, 3, h, w), float32, before the sigmoid.
        """
        dtype = kernels["fusion"].dtype
        how = filtering(dtype)
        own = slice(HALO - 2, 2 - HALO - how.beyond)
        inner = signal[..., own, own].contiguous(memory_format=torch.channels_last)
        local = _first(inner, kernels["local_first"], kernels["local_first_bias"], 1, dtype)
        local = _convolved(_Raster(local, 1, how.size), kernels["local"], _activated(kernels["local_bias"]))
        mid = _first(signal, kernels["mid_first"], kernels["mid_first_bias"], 2, dtype)
        mid = _convolved(_Raster(mid, 2, how.size), kernels["mid_1"], _activated(kernels["mid_1_bias"]))
        mid = _convolved(_Blocks(mid), kernels["mid_2"], _activated(kernels["mid_2_bias"]))
        mid = _convolved(_Blocks(mid), kernels["mid_3"], lambda result: result)
        share = torch.unflatten(torch.mm(local.flatten(0, -2), kernels["fusion"]), 0, local.shape[:-1])
        fused = _as_dilated(share).float() + mid.float() + (global_features[0] + kernels["fusion_bias"])
        logits = torch.mm(F.selu(fused).flatten(0, -2), kernels["last"]) + kernels["last_bias"]
        return _raster(torch.unflatten(logits, 0, mid.shape[:-1])).permute(2, 0, 1)[None]


def _activated(bias: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda result: F.selu(result + bias)


def _first(signal: Tensor, weight: Tensor, bias: Tensor, dilation: int, dtype: torch.dtype) -> Tensor:
    """A first layer, in float32, which can tell bright codes apart: to (rows, columns, channels)."""
    features = F.selu(F.conv2d(signal, weight, bias, dilation=dilation))
    return features.to(dtype)[0].permute(1, 2, 0).contiguous()


class _Windows(Protocol):
    """Windows of m + 2 rows and columns, one for each block of m×m results.

    Attributes:
        shape: of as many values as there are windows: rows, phases, columns, phases, channels.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    def down(self, a: int, rows: slice) -> Tensor:
        """Row a of the windows of some rows, all columns."""
        ...

    def across(self, rows: Tensor, b: int) -> Tensor:
        """Column b of the windows; of rows as `down` gives them, with what was done to them in front or not."""
        ...


class _Raster:
    """Windows of features (rows, columns, channels)."""

    def __init__(self, features: Tensor, dilation: int, size: int) -> None:
        height, width, channels = features.shape
        down, right = width * channels, channels
        # as_strided wants its input written down: else a value is computed for every window that it is in.
        phases = features.as_strided(
            (height // dilation, dilation, width // dilation, dilation, channels),
            (dilation * down, down, dilation * right, right, 1),
        )
        self._phases, self._size = phases, size
        self._rows, self._columns = ((phases.shape[axis] - 2) // size for axis in (0, 2))

    @property
    def shape(self) -> tuple[int, ...]:
        dilation, channels = self._phases.shape[1], self._phases.shape[4]
        return self._rows, dilation, self._columns, dilation, channels

    def down(self, a: int, rows: slice) -> Tensor:
        return self._phases[self._every(a, self._rows)][rows]

    def across(self, rows: Tensor, b: int) -> Tensor:
        return rows[..., self._every(b, self._columns), :, :]

    def _every(self, first: int, count: int) -> slice:
        return slice(first, first + self._size * (count - 1) + 1, self._size)


class _Blocks:
    """Windows of the results of another convolution with the same dilation, as `_convolved` gives them."""

    def __init__(self, results: Tensor) -> None:
        self._results, self._size = results, results.shape[0]

    @property
    def shape(self) -> tuple[int, ...]:
        rows, phases, columns, _, channels = self._results.shape[2:]
        return rows - 1, phases, columns - 1, phases, channels

    def down(self, a: int, rows: slice) -> Tensor:
        block, row = divmod(a, self._size)
        return self._results[row, :, block : block + self.shape[0]][:, rows]

    def across(self, rows: Tensor, b: int) -> Tensor:
        block, column = divmod(b, self._size)
        return rows[..., column, :, :, block : block + self.shape[2], :, :]


def _convolved(windows: _Windows, kernel: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """A 3×3 convolution of blocks of m×m results, in strips.

    Args:
        windows: of the blocks.
        kernel: ((m + 2)², I, O), see `transformed`.
        then: what is done to the results, in float32.

    Returns:
        (m, m, rows, phases, columns, phases, O): row and column in the block, then the block.
    """
    how = filtering(kernel.dtype)
    rows, *others, channels = windows.shape
    a_row = math.prod(others) * len(kernel) * (channels + kernel.shape[2]) * kernel.dtype.itemsize
    size = -(-rows // -(-rows * a_row // _STRIP))
    strips = [_strip(windows, slice(top, top + size), kernel, how, then) for top in range(0, rows, size)]
    return torch.unflatten(torch.cat(strips, dim=1), 0, (how.size, how.size))


def _strip(windows: _Windows, rows: slice, kernel: Tensor, how: Filtering, then: Callable[[Tensor], Tensor]) -> Tensor:
    """Some rows of blocks: (m², rows, phases, columns, phases, O)."""
    reach = range(how.size + 2)
    down = _written(how.of_inputs([windows.down(a, rows).float() for a in reach]), how)
    inputs = [how.of_inputs([windows.across(entry, b) for b in reach]) for entry in down]
    entries = _joined([[entry.to(kernel.dtype) for entry in row] for row in inputs])
    products = torch.bmm(entries.flatten(1, -2), kernel).float()
    square = torch.unflatten(torch.unflatten(products, 1, entries.shape[1:-1]), 0, (len(reach), len(reach)))
    across = _written(how.of_products([square[a] for a in reach]), how)
    results = [how.of_products([entry.select(_FRONT, b) for b in reach]) for entry in across]
    return _joined([[then(entry).to(kernel.dtype) for entry in row] for row in results])


def _written(entries: list[Tensor], how: Filtering) -> list[Tensor]:
    """What was done to rows: one tensor of all, where it is written down before columns are looked at."""
    return [torch.stack(entries)] if how.in_passes else entries


def _joined(rows: list[list[Tensor]]) -> Tensor:
    """Row by row all entries, as one tensor; or one row of tensors that hold all rows each, likewise."""
    if len(rows) == 1:
        return torch.stack(rows[0], _FRONT).flatten(0, 1)
    return torch.stack([entry for row in rows for entry in row])


def _as_dilated(results: Tensor) -> Tensor:
    """Results of dilation 1 in the order of those of 2: (m, m, h/m, 1, w/m, 1, C) to (m, m, h/2m, 2, w/2m, 2, C)."""
    half = results.shape[0] // 2
    split = torch.unflatten(torch.unflatten(results.flatten(2, 3).flatten(3, 4), 2, (-1, 2)), 4, (-1, 2))
    split = torch.unflatten(torch.unflatten(split, 1, (half, 2)), 0, (half, 2))
    return split.permute(5, 0, 7, 2, 4, 1, 6, 3, 8).flatten(2, 3).flatten(0, 1)


def _raster(results: Tensor) -> Tensor:
    """Results (m, m, rows, phases, columns, phases, C) of blocks as (h, w, C)."""
    return results.permute(2, 0, 3, 4, 1, 5, 6).flatten(3, 5).flatten(0, 2)

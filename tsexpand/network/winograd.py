"""The full-resolution part of ExpandNet in fewer multiplications, to be compiled.

Winograd's minimal filtering F(2×2, 3×3): 16 multiplications for four results of a 3×3 convolution that
takes 36 by its definition. A dilated convolution is an ordinary one on every second row and column. The
transforms around the products are worth it only where a compiler fuses them with what comes before and
after; run layer by layer, all this is slower than `ExpandNet.expand`, which gives the same to rounding.

Reference:
    A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015), arXiv 1509.09308.
"""

import math
from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .expandnet import HALO, ExpandNet

Kernels = dict[str, Tensor]
"""The weights as `FullResolution` takes them: an input, so that what is compiled serves all weights."""

_INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
_OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))

_STRIP = 5 << 20
"""Bytes that products read and write at a time, about: of more, what is not in the cache any more is waited for."""

_Windows = Callable[[int, int], Tensor]
"""Row and column, 0 to 3, of the windows of all blocks: (rows, phases, columns, phases, channels)."""


def transformed(weight: Tensor) -> Tensor:
    """Weights of a 3×3 convolution (O, I, 3, 3) as the products take them: (16, I, O), float64."""
    matrix = torch.tensor(_KERNEL, dtype=torch.float64)
    return torch.einsum("ak,bl,oikl->abio", matrix, matrix, weight.double()).flatten(0, 1)


def kernels(network: ExpandNet, dtype: torch.dtype) -> Kernels:
    """The weights of a network.

    The last dilated layer has no activation after it, so that its share of the fusion goes into it.

    Args:
        network: that they are of.
        dtype: of the products; the first layers and the last are float32 always.
    """
    local, mid = [_convolution(layer) for layer in network.local_net], [_convolution(m) for m in network.mid_net]
    first, last = _convolution(network.end_net[0]), _convolution(network.end_net[1])
    fusion = first.weight[:, :, 0, 0].double()
    from_local, from_mid = fusion[:, : local[1].out_channels], fusion[:, local[1].out_channels :]
    from_mid = from_mid[:, : mid[3].out_channels]
    merged = torch.einsum("om,mikl->oikl", from_mid, mid[3].weight.double())
    products = {
        "local": transformed(local[1].weight),
        "mid_1": transformed(mid[1].weight),
        "mid_2": transformed(mid[2].weight),
        "mid_3": transformed(merged),
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

    A pixel is computed in the same way, to the last bit, in any part: blocks of 2×2 results, on every second row where
    the dilation is 2, lie at multiples of `tiling.BLOCK` in the frame, as parts do.
    """

    def forward(self, signal: Tensor, global_features: Tensor, kernels: Kernels) -> Tensor:
        """Logits of a part.

        Args:
            signal: (1, 3, h + 2·HALO, w + 2·HALO), R′G′B′ in [0, 1], channels last; h and w multiples of
                `tiling.BLOCK`.
            global_features: (1, 64), from `ExpandNet.global_features` of the whole frame.
            kernels: of the network.

        Returns:
            (1, 3, h, w), float32, before the sigmoid.
        """
        dtype = kernels["fusion"].dtype
        inner = signal[..., HALO - 2 : 2 - HALO, HALO - 2 : 2 - HALO].contiguous(memory_format=torch.channels_last)
        local = _first(inner, kernels["local_first"], kernels["local_first_bias"], 1, dtype)
        local = _convolved(_of_raster(local, 1), kernels["local"], _activated(kernels["local_bias"]))
        mid = _first(signal, kernels["mid_first"], kernels["mid_first_bias"], 2, dtype)
        mid = _convolved(_of_raster(mid, 2), kernels["mid_1"], _activated(kernels["mid_1_bias"]))
        mid = _convolved(_of_blocks(mid), kernels["mid_2"], _activated(kernels["mid_2_bias"]))
        mid = _convolved(_of_blocks(mid), kernels["mid_3"], lambda result: result)
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


def _of_raster(features: Tensor, dilation: int) -> _Windows:
    """Windows of features (rows, columns, channels): block 2i and 2i + 1 of each phase reach from 2i to 2i + 3."""
    height, width, channels = features.shape
    rows, columns = ((size - 2 * dilation) // (2 * dilation) for size in (height, width))
    down, right = width * channels, channels
    shape = (rows, dilation, columns, dilation, channels)
    strides = (2 * dilation * down, down, 2 * dilation * right, right, 1)
    return lambda a, b: features.as_strided(shape, strides, dilation * (a * down + b * right))


def _of_blocks(results: Tensor) -> _Windows:
    """Windows of the results of another convolution with the same dilation, (2, 2, rows, …) as it gives them."""
    rows, columns = results.shape[2] - 1, results.shape[4] - 1
    return lambda a, b: results[a % 2, b % 2, a // 2 : a // 2 + rows, :, b // 2 : b // 2 + columns]


def _combined(matrix: Sequence[Sequence[int]], terms: Sequence[Tensor]) -> list[Tensor]:
    """Sums and differences of terms, a row of the matrix each: its entries are 1, 0 and −1."""
    rows = []
    for row in matrix:
        positive, *more = (term if sign > 0 else -term for sign, term in zip(row, terms, strict=True) if sign)
        rows.append(sum(more, start=positive))
    return rows


def _convolved(windows: _Windows, kernel: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """A 3×3 convolution of blocks of 2×2 results, in strips.

    Args:
        windows: of the blocks.
        kernel: (16, I, O), see `transformed`.
        then: what is done to the results, in float32.

    Returns:
        (2, 2, rows, phases, columns, phases, O): row and column in the block, then the block.
    """
    rows, *others, channels = windows(0, 0).shape
    a_row = math.prod(others) * 16 * (channels + kernel.shape[2]) * kernel.dtype.itemsize
    size = -(-rows // -(-rows * a_row // _STRIP))
    strips = [_strip(windows, slice(top, top + size), kernel, then) for top in range(0, rows, size)]
    return torch.unflatten(torch.cat(strips, dim=1), 0, (2, 2))


def _strip(windows: _Windows, rows: slice, kernel: Tensor, then: Callable[[Tensor], Tensor]) -> Tensor:
    """Some rows of blocks: (4, rows, phases, columns, phases, O)."""
    down = [_combined(_INPUT, [windows(a, b)[rows].float() for a in range(4)]) for b in range(4)]
    inputs = [entry.to(kernel.dtype) for a in range(4) for entry in _combined(_INPUT, [column[a] for column in down])]
    products = torch.bmm(torch.stack(inputs).flatten(1, -2), kernel).float()
    entries = torch.unflatten(torch.unflatten(products, 1, inputs[0].shape[:-1]), 0, (4, 4))
    across = [_combined(_OUTPUT, [entries[a, b] for a in range(4)]) for b in range(4)]
    results = [then(result) for p in range(2) for result in _combined(_OUTPUT, [column[p] for column in across])]
    return torch.stack([result.to(kernel.dtype) for result in results])


def _as_dilated(results: Tensor) -> Tensor:
    """Results of dilation 1 (2, 2, h/2, 1, w/2, 1, C) in the order of those of dilation 2 (2, 2, h/4, 2, w/4, 2, C)."""
    split = torch.unflatten(torch.unflatten(results.flatten(2, 3).flatten(3, 4), 2, (-1, 2)), 4, (-1, 2))
    return split.permute(3, 5, 2, 0, 4, 1, 6)


def _raster(results: Tensor) -> Tensor:
    """Results (2, 2, rows, phases, columns, phases, C) of blocks as (h, w, C)."""
    return results.permute(2, 0, 3, 4, 1, 5, 6).flatten(3, 5).flatten(0, 2)

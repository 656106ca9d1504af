"""The network alone, against its published forms and against what the machine can multiply."""

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..engines.artefacts import Artefact, CompilationError, best_shape, compiled_tiles
from ..engines.devices import default_tile, dtype_name
from ..errors import DeviceError
from ..network.expandnet import GLOBAL_SIZE, ExpandNet
from ..network.tiling import Edges, LogitTiles, logit_tiles
from ..network.winograd import kernels

MULTIPLY_ADDS = 200_256
"""Of the full-resolution part, a pixel, by the definition of its layers with the fusion split: two operations each.
Rates count these, whatever an implementation does instead."""

PATCH, OVERLAP = 256, 20
"""Of the published tiled loop."""

_MATRIX = 2048
"""Rows and columns of the matrix product that rates are compared with."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast something is.

    Attributes:
        name: of it.
        seconds: a frame; 0 for the matrix product.
        gigaflops: useful ones a second.
        against_loop: how many times as fast as the published loop.
        against_product: useful operations to those of the matrix product of its number type.
    """

    name: str
    seconds: float
    gigaflops: float
    against_loop: float | None = None
    against_product: float | None = None


def fastest(run: Callable[[], object], seconds: float = 3.0, least: int = 3) -> float:
    """Seconds of the fastest of several runs, after one that is not counted: what others take away is not ours."""
    run()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < least or time.perf_counter() - began < seconds:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def matrix_product(dtype: torch.dtype, device: torch.device) -> Rate:
    """Of two square matrices: the most that the machine multiplies."""
    a = torch.randn(_MATRIX, _MATRIX, device=device).to(dtype)
    seconds = fastest(lambda: _finished(a @ a), seconds=1.0, least=5)
    return Rate(f"matrix product, {dtype_name(dtype)}", 0.0, 2 * _MATRIX**3 / seconds / 1e9)


def _finished(result: Tensor) -> Tensor:
    if result.device.type == "cuda":
        torch.cuda.synchronize(result.device)
    return result


def picture(height: int, width: int, device: torch.device) -> Tensor:
    """A frame (1, 3, H, W) of smooth colours, R′G′B′ in [0, 1]."""
    grid = torch.rand(1, 3, 9, 16, generator=torch.Generator().manual_seed(0))
    return interpolate(grid, (height, width), mode="bicubic").clamp(0, 1).to(device)


def published_parts(network: ExpandNet, signal: Tensor) -> Tensor:
    """The published graph on one picture: features of all branches as one tensor of 256 channels, fused, sigmoid."""
    small = interpolate(signal, (GLOBAL_SIZE, GLOBAL_SIZE), mode="bilinear", align_corners=False)
    return _published(network, signal, network.glob_net(small))


def _published(network: ExpandNet, part: Tensor, code: Tensor) -> Tensor:
    local, mid = network.local_net(part), network.mid_net(part)
    features = torch.cat((local, mid, code.expand(-1, -1, *part.shape[-2:])), dim=1)
    return torch.sigmoid(network.end_net(features))


def published_loop(network: ExpandNet, signal: Tensor) -> Tensor:
    """The published tiled loop, from its description: patches of 256 pixels that overlap by 20, one after the other."""
    small = interpolate(signal, (GLOBAL_SIZE, GLOBAL_SIZE), mode="bilinear", align_corners=False)
    code = network.glob_net(small)
    light = torch.empty_like(signal)
    for top in range(0, signal.shape[2], PATCH - OVERLAP):
        for left in range(0, signal.shape[3], PATCH - OVERLAP):
            part = (..., slice(top, top + PATCH), slice(left, left + PATCH))
            light[part] = _published(network, signal[part], code)
    return light


def rates(
    network: ExpandNet, height: int, width: int, device: torch.device, dtypes: tuple[torch.dtype, ...]
) -> Iterator[Rate]:
    """Rates of the machine, of the published forms, and of ours in each number type, as they are measured.

    Args:
        network: the weights; left as it is.
        height: of the frame.
        width: likewise.
        device: where to work.
        dtypes: of our convolutions.
    """
    frame = picture(height, width, device)
    products = {dtype: matrix_product(dtype, device) for dtype in dtypes}
    yield from products.values()
    operations = 2 * MULTIPLY_ADDS * height * width / 1e9
    ready = copy.deepcopy(network)
    with torch.inference_mode():
        loop = fastest(lambda: _finished(published_loop(network, frame)))
        yield Rate("published loop, float32", loop, operations / loop, 1.0)
        whole = fastest(lambda: _finished(published_parts(network, frame)))
        yield Rate("published graph, whole frame, float32", whole, operations / whole, loop / whole)
        for dtype in dtypes:
            for name, tiles in implementations(ready, dtype, device):
                seconds = fastest(partial(_assembled, tiles, frame))
                share = operations / seconds / products[dtype].gigaflops
                yield Rate(f"{name}, {dtype_name(dtype)}", seconds, operations / seconds, loop / seconds, share)


def _assembled(tiles: LogitTiles, frame: Tensor) -> Tensor:
    """A frame of the sigmoid, as the published forms give it."""
    result = torch.empty_like(frame)
    for rows, columns, logits in tiles(frame):
        result[:, :, rows, columns] = torch.sigmoid(logits)
    return _finished(result)


def implementations(network: ExpandNet, dtype: torch.dtype, device: torch.device) -> Iterator[tuple[str, LogitTiles]]:
    """Our forms of the network, as the engine runs weights for absolute light: layer by layer, and on the CPU compiled.

    Args:
        network: made channels last.
        dtype: of the convolutions.
        device: that the network is on.

    Raises:
        DeviceError: it can't be compiled here.
    """
    ready = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub

    def eager(signal: Tensor) -> Iterator[tuple[slice, slice, Tensor]]:
        with torch.autocast(device.type, dtype) if dtype is not torch.float32 else nullcontext():
            yield from logit_tiles(ready, signal, default_tile(device), Edges.HELD)

    yield "layer by layer", eager
    if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
        return
    artefact = Artefact(dtype, *best_shape(dtype))
    try:
        expand = artefact.loaded()
    except CompilationError as error:
        raise DeviceError(f"the network can't be compiled here: {error}") from error
    weights = kernels(network, dtype)
    yield "compiled", lambda signal: compiled_tiles(expand, artefact, ready, weights, signal)

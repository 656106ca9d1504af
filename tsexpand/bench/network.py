"""The network alone, against its published forms and against what the machine can multiply."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..compiled.compiler import CompilationError
from ..engines import gpu_code
from ..engines.artefacts import CompiledNetwork, NetworkArtefact, compiled_size
from ..engines.devices import default_batch_size, default_tile, dtype_name, exact_float32
from ..errors import DeviceError
from ..network.architectures import Network
from ..network.expandnet import GLOBAL_SIZE, ExpandNet
from ..network.tiling import Edges, Expand, TakeTile, TiledNetwork, logit_tiles, put
from ..replay import replayed

PATCH, OVERLAP = 256, 20
"""Of the published tiled loop."""

_MATRIX = {"cpu": 2048, "cuda": 8192}
"""Rows and columns of the matrix product that rates are compared with: enough for all of a device to be at work."""

_PRODUCTS = 5
"""That make a run."""

ROUNDS = 5
"""Runs of each thing, of which the fastest counts."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast something is.

    Attributes:
        name: of it.
        seconds: a frame; 0 for the matrix product.
        gigaflops: useful ones a second: those of the layers as they are defined, two for a multiply-add, whatever an
            implementation does instead.
        against_loop: how many times as fast as the published loop.
        against_product: useful operations to those of the matrix product of its number type.
    """

    name: str
    seconds: float
    gigaflops: float
    against_loop: float | None = None
    against_product: float | None = None


def fastest(runs: Sequence[Callable[[], object]], on_round: Callable[[int], None]) -> list[float]:
    """Seconds of the fastest run of each thing; `on_round` is told before each round, with its number from 0.

    In rounds of one run each, after one that is not counted: where other tenants of a host slow a machine down for
    half a minute, they do it to all of them, and not to the one whose turn it is.
    """
    times = []
    for number in range(ROUNDS + 1):
        on_round(number)
        times.append([_seconds(run) for run in runs])
    return [min(column) for column in zip(*times[1:], strict=True)]


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class _Run:
    """Something that is measured: its number type, its useful operations, and what does it."""

    name: str
    dtype: torch.dtype
    operations: int
    run: Callable[[], object]

    @property
    def full_name(self) -> str:
        return f"{self.name}, {dtype_name(self.dtype)}"

    def rate(self, seconds: float) -> float:
        return self.operations / seconds / 1e9


def _matrix_product(dtype: torch.dtype, device: torch.device) -> _Run:
    """Of two square matrices, several times: the most that the machine multiplies."""
    size = _MATRIX.get(device.type, _MATRIX["cpu"])
    a = torch.randn(size, size, device=device).to(dtype)

    def products() -> Tensor:
        for _ in range(_PRODUCTS):
            result = a @ a
        return _finished(result)

    return _Run("matrix product", dtype, 2 * _PRODUCTS * size**3, products)


def _finished(result: Tensor) -> Tensor:
    if result.device.type == "cuda":
        torch.cuda.synchronize(result.device)
    return result


def picture(height: int, width: int, device: torch.device) -> Tensor:
    """A frame (1, 3, H, W) of smooth colours, R′G′B′ in [0, 1]."""
    grid = torch.rand(1, 3, 9, 16, generator=torch.Generator().manual_seed(0))
    return interpolate(grid, (height, width), mode="bicubic").clamp(0, 1).to(device)


def published_parts(network: ExpandNet, signal: Tensor) -> Tensor:
    """The published graph on pictures (N, 3, H, W): features of all branches as 256 channels, fused, sigmoid."""
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
    network: Network,
    height: int,
    width: int,
    device: torch.device,
    dtypes: tuple[torch.dtype, ...],
    on_round: Callable[[int], None] = lambda number: None,
) -> list[Rate]:
    """Rates of the machine, of the published forms, and of ours in each number type.

    Args:
        network: the weights; left as it is. Where it is another than the published one, that is measured with random
            weights.
        height: of the frame.
        width: likewise.
        device: where to work.
        dtypes: of our convolutions.
        on_round: told before each of `ROUNDS` rounds, 1 and so on, and before one that is not counted, 0.

    Raises:
        DeviceError: the network can't be compiled here.
    """
    exact_float32()
    # Of a GPU as many frames as the engine takes at once: what it takes to begin would be a part of one.
    count = 1 if device.type == "cpu" else default_batch_size(width, height, device)
    frames = picture(height, width, device).repeat(count, 1, 1, 1)
    ready = copy.deepcopy(network)
    published = network if isinstance(network, ExpandNet) else ExpandNet().to(device)
    operations = 2 * height * width * count
    of_published = operations * published.multiply_adds
    products = [_matrix_product(dtype, device) for dtype in dtypes]
    forms = [
        _Run("published loop", torch.float32, of_published, lambda: _finished(published_loop(published, frames))),
        _Run("published graph, whole frame", torch.float32, of_published,
             lambda: _finished(published_parts(published, frames))),
    ]  # fmt: skip
    for dtype in dtypes:
        for name, tiled in implementations(ready, dtype, device, height, width):
            forms.append(_Run(name, dtype, operations * network.multiply_adds, partial(_assembled, tiled, frames)))
    with torch.inference_mode():
        seconds = fastest([run.run for run in (*products, *forms)], on_round)
    most = {run.dtype: run.rate(time) for run, time in zip(products, seconds, strict=False)}
    loop = seconds[len(products)]
    return [Rate(run.full_name, 0.0, most[run.dtype]) for run in products] + [
        Rate(run.full_name, time / count, run.rate(time), loop / time, run.rate(time) / most[run.dtype])
        for run, time in zip(forms, seconds[len(products) :], strict=True)
    ]


def _assembled(tiled: TiledNetwork, frames: Tensor) -> Tensor:
    """Frames of the sigmoid, as the published forms give it; one by one, on a GPU launched as the engine does it."""

    def assembled(frame: Tensor) -> tuple[Tensor]:
        light = torch.empty_like(frame)
        tiled(frame, lambda tile, logits, shown: put(tile, torch.sigmoid(logits), light))
        return (light,)

    return _finished(
        torch.cat([light for frame in frames.chunk(len(frames)) for light in replayed(tiled, assembled, frame)])
    )


def implementations(
    network: Network, dtype: torch.dtype, device: torch.device, height: int, width: int
) -> Iterator[tuple[str, TiledNetwork]]:
    """Our forms of the network, as the engine runs weights for absolute light: layer by layer, ExpandNet compiled too.

    Args:
        network: made channels last.
        dtype: of the convolutions.
        device: that the network is on.
        height: of the frames that they are for.
        width: likewise.

    Raises:
        DeviceError: it can't be compiled here.
    """
    exact_float32()
    ready = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub

    def tiled(expand: Expand, signal: Tensor, take: TakeTile) -> None:
        logit_tiles(ready, signal, default_tile(network, device), Edges.HELD, take, dtype, expand)

    yield "layer by layer", partial(tiled, ready.expand)
    if not isinstance(network, ExpandNet):
        return
    try:
        if device.type == "cuda" and dtype in gpu_code.DTYPES:
            yield "compiled", gpu_code.gpu_network(network, dtype, lambda: gpu_code.TILE)
        if device.type != "cpu" or dtype not in (torch.float32, torch.bfloat16):
            return
        artefact = NetworkArtefact(dtype)
        compiled = CompiledNetwork(artefact.loaded(), artefact, network)
    except CompilationError as error:
        raise DeviceError(f"the network can't be compiled here: {error}") from error
    yield "compiled", partial(compiled.tiled, compiled_size(height, width))

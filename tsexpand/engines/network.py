"""The network on one device: by PyTorch layer by layer, which starts at once and works everywhere, or compiled."""

import copy
import sys
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace

import torch
from torch import Tensor

from ..cores import one_core, workers
from ..errors import DeviceError
from ..frames import LightBatch, SignalBatch
from ..network import output
from ..network.output import REFERENCE_WHITE, Parametrisation
from ..network.tiling import ALIGNMENT, Edges, Expand, TakeTile, Tile, TiledNetwork, logit_tiles, put
from ..network.weights import Weights
from . import Setup
from .artefacts import Artefact, compiled_network
from .compiler import CompilationError
from .copies import arriving, copies_of
from .devices import MIN_TILE, Compilation, Precision, default_tile, dtype_name, exact_float32
from .display import display_signal, portions, thumbnails
from .gain import gain_to_display
from .promise import difference

LOADING, COMPILING = 1.0, 60.0
"""Seconds that it takes to load compiled code, or to make it, about."""

SAVED = 0.4
"""Share of the time that compiled code saves, at least."""


class NetworkEngine:
    """A network on one device.

    Args:
        weights: the network, of which the engine takes a copy.
        device: where to work.
        precision: of the convolutions.
        tile: height and width of tiles at most, None for the device's default. Where the device runs out
            of memory, first the frames that it takes at once are halved and then this, and stay so.
        reference_white: luminance of signal 1.0, cd/m².
        compilation: whether compiled code runs: on the CPU; on CUDA, where its gain has not been measured yet, only
            where it is asked for.
        on_compile: told before something is compiled, which takes a while.
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        precision: Precision = Precision.AUTO,
        tile: int | None = None,
        reference_white: float = REFERENCE_WHITE,
        compilation: Compilation = Compilation.NEVER,
        on_compile: Callable[[], None] = lambda: None,
    ) -> None:
        exact_float32()
        self._weights = weights
        network = copy.deepcopy(weights.network).to(device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
        self._device = device
        self._tile = tile
        # On the CPU frame by frame: a batch would take memory and save nothing.
        self._portion = 1 if device.type == "cpu" else sys.maxsize
        self._copies = copies_of(device)
        self._short_of_memory: str | None = None
        self._reference_white = reference_white
        self._notices: list[str] = []
        self._precision = precision
        self._dtype = precision.on(device)
        self._keeps_promise(self._eager(self._dtype))
        self._compilation = self._possible(compilation)
        self._on_compile = on_compile
        self._pace = 0.0
        self._saved = 0.0
        self._compiled: dict[Artefact | None, TiledNetwork] = {}  # None: whatever is compiled in time
        self._form = "tiles of {tile}"
        self._tiled = self._eager(self._dtype)

    @property
    def description(self) -> str:
        """What runs where."""
        form = self._form.format(tile=self._eager_tile)
        return f"{self._weights.name} on {self._device}, {dtype_name(self._dtype)}, {form}"

    @property
    def setup(self) -> Setup:
        """See `Engine.setup`."""
        compiled = any(self._tiled is code for code in self._compiled.values())
        weights = self._weights
        return Setup(str(self._device), self.precision.value, compiled, weights.name, weights.sha256)

    @property
    def notices(self) -> tuple[str, ...]:
        """That something is not as it was asked for, a sentence each."""
        return (*self._notices, *filter(None, [self._short_of_memory]))

    @property
    def precision(self) -> Precision:
        """Of the convolutions, as chosen."""
        return Precision(dtype_name(self._dtype))

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self._device

    @property
    def _eager_tile(self) -> int:
        return default_tile(self._device) if self._tile is None else self._tile

    def _possible(self, compilation: Compilation) -> Compilation:
        if self._device.type == "cuda":
            return Compilation.NEVER if compilation is Compilation.AUTO else compilation
        absolute = self._weights.parametrisation is Parametrisation.ABSOLUTE
        if absolute and self._device.type == "cpu" and self._dtype in (torch.float32, torch.bfloat16):
            return compilation
        if compilation is Compilation.ALWAYS:
            raise DeviceError(
                "--compile always: on the CPU only weights for absolute light, float32 or bfloat16, else on CUDA only"
            )
        return Compilation.NEVER

    def expect(self, width: int, height: int, frames: float) -> None:
        """See `Engine.expect`; compiles, or loads what was compiled, where that is repaid.

        Raises:
            DeviceError: it is to be compiled in any case, and can't.
        """
        compiled = None
        try:
            compiled = self._repaid_code(width, height, frames)
        except CompilationError as error:
            if self._compilation is Compilation.ALWAYS:
                raise DeviceError(f"the network can't be compiled here: {error}; try --compile never") from error
            self._notices.append(f"the network runs uncompiled, at about half the speed: {error}")
            self._compilation = Compilation.NEVER
        if compiled is None:
            self._form = "tiles of {tile}"
        self._tiled = compiled or self._eager(self._dtype)

    def _repaid_code(self, width: int, height: int, frames: float) -> TiledNetwork | None:
        """Compiled code where it is to be used, or is faster for this clip and was worth getting so far."""
        if self._compilation is Compilation.NEVER:
            return None
        if self._device.type == "cuda":
            self._form = "compiled, tiles of {tile}"
            self._compiled[None] = self._compiled.get(None) or self._compiled_in_time(width, height)
            return self._compiled[None]
        artefacts = self._artefacts(width, height)
        if self._compilation is Compilation.ALWAYS:
            return self._code_of(artefacts[0])
        shares = [1 - (1 - SAVED) * one.computed(width, height) / (width * height) for one in artefacts]
        if shares[0] <= 0:
            return None
        self._pace = self._pace or self._seconds_a_pixel()
        self._saved += shares[0] * self._pace * width * height * frames
        for artefact, share in zip(artefacts, shares, strict=True):
            cost = 0.0 if artefact in self._compiled else LOADING if artefact.is_made else COMPILING
            if share > 0 and self._saved >= cost:
                return self._code_of(artefact)
        return None

    def _artefacts(self, width: int, height: int) -> list[Artefact]:
        """Those that may be used for frames of a size, the best first."""
        if self._tile is None:
            return Artefact.for_frames(self._dtype, width, height)
        side = max(ALIGNMENT, self._tile // ALIGNMENT * ALIGNMENT)
        return [Artefact(self._dtype, side, side)]

    def _code_of(self, artefact: Artefact) -> TiledNetwork:
        if artefact not in self._compiled:
            expand = artefact.loaded(workers().count, self._on_compile)
            compiled = compiled_network(expand, artefact, self._network)
            if not self._keeps_promise(compiled):
                return self._code_of(replace(artefact, dtype=self._dtype))
            self._compiled[artefact] = compiled
        self._form = f"compiled, tiles of {artefact.width}×{artefact.height}"
        return self._compiled[artefact]

    def _compiled_in_time(self, width: int, height: int) -> TiledNetwork:
        """By torch.compile, now for pictures of this size, later for others.

        Frame by frame: code is made for one number of frames, and the last batch of a clip may have fewer.
        """
        self._on_compile()
        expand = torch.compile(self._network.expand, dynamic=False)
        self._portion = 1
        compiled = self._layers(self._dtype, expand)
        try:
            with torch.inference_mode(), one_core():  # as later, or it would be compiled once more
                compiled(torch.zeros(1, 3, height, width, device=self._device), lambda tile, logits, shown: None)
        except torch.OutOfMemoryError:
            pass  # tiles that are small enough will be found when there are frames
        except RuntimeError as error:  # of the compiler, as of the device
            raise CompilationError(str(error).strip().partition("\n")[0]) from error
        return compiled

    def _keeps_promise(self, quick: TiledNetwork) -> bool:
        """Whether a quick form may be used; if not, float32 is from now on, and a notice says so."""
        if self._precision is not Precision.AUTO or self._dtype is torch.float32:
            return True
        with torch.inference_mode():
            exact = self._eager(torch.float32)
            found = difference(quick, exact, self._weights.parametrisation, self._device)
        if found.is_invisible:
            return True
        kind = dtype_name(self._dtype)
        self._notices.append(f"{self._weights.name} runs in float32, as {kind} would be within {found} of it only")
        self._dtype = torch.float32
        return False

    def _seconds_a_pixel(self) -> float:
        """Of the uncompiled network, measured on a tile for each core."""
        size, count = self._eager_tile, workers().count if self._device.type == "cpu" else 1
        signal = torch.zeros(1, 3, size, size * count, device=self._device)
        with torch.inference_mode():
            times = []
            for _ in range(2):  # the first one prepares what the others use
                began = time.perf_counter()
                self._eager(self._dtype)(signal, lambda tile, logits, shown: None)
                times.append(time.perf_counter() - began)
        return min(times) / (size**2 * count)

    def stream(self, batches: Iterable[SignalBatch]) -> Generator[LightBatch]:
        """See `Engine.stream`."""
        for batch in arriving(batches, self._copies):
            yield self.expand(batch)

    def expand(self, batch: SignalBatch) -> LightBatch:
        """See `Engine.expand`; absolute light, or relative light with its gains, as the weights say."""
        with torch.inference_mode(), one_core():
            while True:
                try:
                    return self._expand(batch)
                except torch.OutOfMemoryError as error:
                    self._shrink(len(batch), error)

    def _shrink(self, frames: int, error: torch.OutOfMemoryError) -> None:
        """Fewer frames at once from now on, and where it is one already smaller tiles."""
        self._portion = min(self._portion, frames)
        if self._portion > 1:
            self._portion //= 2
        elif self._eager_tile > MIN_TILE:
            self._tile = max(MIN_TILE, self._eager_tile // 2)
        else:
            raise DeviceError(
                f"{self._device}: out of memory even for one frame in tiles of {self._eager_tile}"
            ) from error
        frames_at_once = "1 frame" if self._portion == 1 else f"{self._portion} frames"
        self._short_of_memory = (
            f"{self._device} was short of memory: {frames_at_once} at once, tiles of {self._eager_tile} at most"
        )

    def _expand(self, batch: SignalBatch) -> LightBatch:
        # Before the network, so that whoever looks at the thumbnails waits for little and the device goes on.
        signals, small = [], []
        for portion in portions(batch, self._portion):
            signals.append(display_signal(portion, self._device))
            small.append(self._copies.down(thumbnails(signals[-1])))
        wait = self._copies.mark()
        light = torch.empty(len(batch), *signals[0].shape[1:], device=self._device)
        gains = []
        done = 0
        for signal in signals:
            part = light[done : done + len(signal)]
            done += len(signal)
            self._fill(part, signal)
            if self._weights.parametrisation is Parametrisation.RELATIVE:
                gains.append(gain_to_display(part, signal, batch.signal.primaries, self._reference_white))
        wait()
        return LightBatch(
            light=light,
            primaries=batch.signal.primaries,
            timings=batch.timings,
            thumbnails=torch.cat(small),
            gains=torch.cat(gains) if gains else None,
            packets=batch.packets,
            alpha=batch.alpha,
        )

    def _fill(self, light: Tensor, signal: Tensor) -> None:
        """Light of whole frames; each tile's logits become light at once, so they are never held whole."""
        parametrisation = self._weights.parametrisation
        scale = self._reference_white / REFERENCE_WHITE if parametrisation is Parametrisation.ABSOLUTE else 1.0

        def take(tile: Tile, logits: Tensor, shown: Tensor) -> None:
            put(tile, output.light(logits, shown, parametrisation).mul_(scale), light)

        self._tiled(signal, take)

    def _eager(self, dtype: torch.dtype) -> TiledNetwork:
        """Layer by layer, with convolutions in a number type."""
        return self._layers(dtype, self._network.expand)

    def _layers(self, dtype: torch.dtype, expand: Expand) -> TiledNetwork:
        absolute = self._weights.parametrisation is Parametrisation.ABSOLUTE
        edges = Edges.HELD if absolute else Edges.ZERO  # relative: as published

        def tiled(signal: Tensor, take: TakeTile) -> None:
            logit_tiles(self._network, signal, self._eager_tile, edges, take, dtype, expand)

        return tiled

"""The network on one device, batch by batch: signal to light."""

import sys
from collections.abc import Callable, Generator, Iterable

import torch
from torch import Tensor

from ..compiled import Compilation
from ..cores import one_core
from ..errors import Cancelled, DeviceError
from ..frames import LightBatch, SignalBatch
from ..network import output
from ..network.output import REFERENCE_WHITE, Parametrisation
from ..network.tiling import Tile, put
from ..network.weights import Weights
from ..replay import forget_recordings, replayed
from . import Setup
from .copies import arriving, copies_of
from .devices import Precision, dtype_name, exact_float32
from .display import display_signal, portions, thumbnails
from .forms import Forms
from .gain import gain_to_display
from .turns import in_turns


class NetworkEngine:
    """A network on one device.

    Args:
        weights: the network, of which the engine takes a copy.
        device: where to work.
        precision: of the convolutions.
        tile: height and width of tiles at most, None for the device's default. Where the device runs out
            of memory, first the frames that it takes at once are halved and then this, and stay so.
        reference_white: luminance of signal 1.0, cd/m².
        compilation: whether compiled code runs.
        on_compile: told before something is compiled for a CPU, which takes a while.
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
        self._device = device
        self._forms = Forms(weights, device, precision, tile, compilation, on_compile)
        self._form = self._forms.plain
        # On the CPU frame by frame: a batch would take memory and save nothing.
        self._portion = 1 if device.type == "cpu" or self._form.one_by_one else sys.maxsize
        self._copies = copies_of(device)
        self._short_of_memory: str | None = None
        self._reference_white = reference_white
        self._left = False  # whether nobody wants the light of what is worked on

    @property
    def description(self) -> str:
        """What runs where."""
        form = self._forms.described(self._form)
        return f"{self._weights.name} on {self._device}, {dtype_name(self._forms.dtype)}, {form}"

    @property
    def setup(self) -> Setup:
        """See `Engine.setup`."""
        weights = self._weights
        compiled = self._forms.compiles(self._form)
        return Setup(str(self._device), self.precision.value, compiled, weights.name, weights.sha256)

    @property
    def compilation(self) -> Compilation:
        """See `Engine.compilation`."""
        return self._forms.compilation

    @property
    def notices(self) -> tuple[str, ...]:
        """That something is not as it was asked for, a sentence each."""
        return (*self._forms.notices, *filter(None, [self._short_of_memory]))

    @property
    def precision(self) -> Precision:
        """Of the convolutions, as chosen."""
        return Precision(dtype_name(self._forms.dtype))

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self._device

    def expect(self, width: int, height: int, frames: float) -> None:
        """See `Engine.expect`; compiles, or loads what was compiled, where that is repaid."""
        self._form = self._forms.best(width, height, frames)
        if self._form.one_by_one:
            self._portion = 1

    def stream(self, batches: Iterable[SignalBatch]) -> Generator[LightBatch]:
        """See `Engine.stream`. A GPU works beside the thread that feeds it; on the CPU a thread works ahead.

        So there is work for all cores where a frame has some for one only: in its global branch, or in what is made
        of its light.
        """
        if self._device.type == "cpu":
            try:
                with one_core():  # the last to leave it, and so the one for whom all is as before
                    yield from in_turns(batches, [self.expand], self._leave)
            finally:
                self._left = False
            return
        for batch in arriving(batches, self._copies):
            yield self.expand(batch)

    def _leave(self) -> None:
        self._left = True

    def expand(self, batch: SignalBatch) -> LightBatch:
        """See `Engine.expand`; absolute light, or relative light with its gains, as the weights say."""
        with torch.inference_mode(), one_core():
            while True:
                try:
                    return self._expand(batch)
                except torch.OutOfMemoryError as error:
                    self._shrink(len(batch), error)

    def _shrink(self, frames: int, error: torch.OutOfMemoryError) -> None:
        """Gives up what was recorded; where nothing is, takes fewer frames at once, and after one smaller tiles."""
        if forget_recordings():
            return
        self._portion = min(self._portion, frames)
        if self._portion > 1:
            self._portion //= 2
        elif not self._forms.shrink():
            raise DeviceError(
                f"{self._device}: out of memory even for one frame in tiles of {self._forms.tile}"
            ) from error
        frames_at_once = "1 frame" if self._portion == 1 else f"{self._portion} frames"
        self._short_of_memory = (
            f"{self._device} was short of memory: {frames_at_once} at once, tiles of {self._forms.tile} at most"
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
            if self._device.type == "cuda":
                (found,) = replayed(("light", self._form, self._forms.tile), self._light, signal)
                part.copy_(found)
            else:
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

    def _light(self, signal: Tensor) -> tuple[Tensor]:
        """Light of whole frames, (N, 3, H, W) like the signal."""
        light = torch.empty_like(signal)
        self._fill(light, signal)
        return (light,)

    def _fill(self, light: Tensor, signal: Tensor) -> None:
        """Light of whole frames; each tile's logits become light at once, so they are never held whole."""
        parametrisation = self._weights.parametrisation
        scale = self._reference_white / REFERENCE_WHITE if parametrisation is Parametrisation.ABSOLUTE else 1.0

        def take(tile: Tile, logits: Tensor, shown: Tensor) -> None:
            if self._left:
                raise Cancelled
            put(tile, output.light(logits, shown, parametrisation).mul_(scale), light)

        self._form.tiled(signal, take)

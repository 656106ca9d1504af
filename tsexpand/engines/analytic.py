"""The engine without a network: exactly what an SDR display shows, the baseline of all others."""

from collections.abc import Generator, Iterable

import torch
from torch import Tensor

from ..colour.transfer import bt1886_eotf
from ..compiled import Compilation
from ..cores import filled, one_core
from ..frames import LightBatch, SignalBatch
from ..network.output import REFERENCE_WHITE
from . import Setup
from .copies import arriving, copies_of
from .display import display_signal, thumbnails


class AnalyticEngine:
    """Light of the SDR display, nothing expanded.

    Args:
        device: where to work.
        reference_white: luminance of signal 1.0, cd/m².
    """

    def __init__(self, device: torch.device, reference_white: float = REFERENCE_WHITE) -> None:
        self._device = device
        self._copies = copies_of(device)
        self._reference_white = reference_white

    @property
    def description(self) -> str:
        """What runs where."""
        return f"BT.1886 light without a network on {self._device}, float32"

    @property
    def setup(self) -> Setup:
        """Without weights."""
        return Setup(str(self._device))

    @property
    def compilation(self) -> Compilation:
        """Never: there is nothing that would be worth it."""
        return Compilation.NEVER

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self._device

    @property
    def notices(self) -> tuple[str, ...]:
        """None."""
        return ()

    def expect(self, width: int, height: int, frames: float) -> None:
        """Nothing to get ready."""

    def stream(self, batches: Iterable[SignalBatch]) -> Generator[LightBatch]:
        """See `Engine.stream`."""
        for batch in arriving(batches, self._copies):
            yield self.expand(batch)

    def expand(self, batch: SignalBatch) -> LightBatch:
        """See `Engine.expand`; absolute light, in [0, reference white]."""
        with torch.inference_mode(), one_core():
            signal = display_signal(batch, self._device)
            light = filled(torch.empty_like(signal), self._light, signal)
            return LightBatch(
                light, batch.signal.primaries, batch.timings, thumbnails(signal).cpu(), None, batch.packets, batch.alpha
            )

    def _light(self, signal: Tensor) -> Tensor:
        return self._reference_white * bt1886_eotf(signal)

"""The network as PyTorch runs it, without compilation: starts at once, works everywhere."""

import copy

import torch
from torch import Tensor

from ..errors import DeviceError
from ..frames import LightBatch, SignalBatch
from ..network import output
from ..network.output import REFERENCE_WHITE, Parametrisation
from ..network.tiling import Edges, logit_tiles
from ..network.weights import Weights
from .devices import MIN_TILE, Precision, default_tile
from .display import display_signal, thumbnails
from .gain import gain_to_display


class EagerEngine:
    """A network on one device.

    Args:
        weights: the network, of which the engine takes a copy.
        device: where to work.
        precision: of the convolutions.
        tile: height and width of tiles, None for the device's default. Where the device runs out
            of memory it is halved, and stays so.
        reference_white: luminance of signal 1.0, cd/m².
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        precision: Precision = Precision.AUTO,
        tile: int | None = None,
        reference_white: float = REFERENCE_WHITE,
    ) -> None:
        self._weights = weights
        network = copy.deepcopy(weights.network).to(device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
        self._device = device
        self._dtype = precision.on(device)
        self._tile = default_tile(device) if tile is None else tile
        self._reference_white = reference_white

    @property
    def description(self) -> str:
        """What runs where."""
        kind = str(self._dtype).removeprefix("torch.")
        return f"{self._weights.name} on {self._device}, {kind}, tiles of {self._tile}"

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self._device

    def expand(self, batch: SignalBatch) -> LightBatch:
        """See `Engine.expand`; absolute light, or relative light with its gains, as the weights say."""
        # TensorFloat-32, cuDNN's default, has 10 bits of mantissa: not what float32 promises.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            while True:
                try:
                    return self._expand(batch)
                except torch.OutOfMemoryError as error:
                    self._halve_tile(error)

    def _halve_tile(self, error: torch.OutOfMemoryError) -> None:
        if self._tile <= MIN_TILE:
            raise DeviceError(
                f"{self._device}: out of memory even at tiles of {self._tile}; try a smaller batch size"
            ) from error
        self._tile = max(MIN_TILE, self._tile // 2)

    def _expand(self, batch: SignalBatch) -> LightBatch:
        signal = display_signal(batch, self._device)
        light = self._light(signal)
        gains = None
        if self._weights.parametrisation is Parametrisation.RELATIVE:
            gains = gain_to_display(light, signal, batch.signal.primaries, self._reference_white)
        return LightBatch(light, batch.signal.primaries, batch.timings, thumbnails(signal), gains, batch.packets)

    def _light(self, signal: Tensor) -> Tensor:
        """Light of whole frames; each tile's logits become light at once, so they are never held whole."""
        parametrisation = self._weights.parametrisation
        scale = self._reference_white / REFERENCE_WHITE if parametrisation is Parametrisation.ABSOLUTE else 1.0
        edges = Edges.HELD if parametrisation is Parametrisation.ABSOLUTE else Edges.ZERO  # relative: as published
        light = signal.new_empty(signal.shape)
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not torch.float32):
            for rows, columns, logits in logit_tiles(self._network, signal, self._tile, edges):
                part = output.light(logits, signal[:, :, rows, columns], parametrisation)
                light[:, :, rows, columns] = part.mul_(scale)
        return light

"""Where the light is computed: an engine is the network, or none, ready on one device."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

import torch

from ..compiled import Compilation
from ..frames import LightBatch, SignalBatch


@dataclass(frozen=True, slots=True)
class Setup:
    """What an engine runs: all that its pixels depend on, beside versions and the machine.

    Attributes:
        device: as `--device` names it.
        precision: of the convolutions: "float32", "bfloat16" or "float16".
        compiled: whether compiled code of the network runs; None where there is none.
        weights: name, None where there is no network.
        sha256: of the file of the weights.
    """

    device: str
    precision: str = "float32"
    compiled: bool | None = False
    weights: str | None = None
    sha256: str | None = None


class Engine(Protocol):
    """Signal to light on one device.

    An engine belongs to the thread that calls it, and does one thing at a time: while light is streamed nothing else is
    asked of it. The light stays on its device.
    """

    @property
    def description(self) -> str:
        """For people: what runs where, such as "baseRec on cpu, float32, tiles of 192"."""

    @property
    def device(self) -> torch.device:
        """Where it works."""

    @property
    def setup(self) -> Setup:
        """What runs, for a record; settled when a clip is done."""

    @property
    def compilation(self) -> Compilation:
        """What the user said of code for a CPU, of other stages too; never where that can't be, or is none's."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know of it, a sentence each; there may be more after `expect`."""

    def expect(self, width: int, height: int, frames: float) -> None:
        """Gets ready for a clip.

        Args:
            width: of its frames.
            height: likewise.
            frames: how many, about; infinite where that is unknown.

        Raises:
            DeviceError: what was asked for can't be had.
        """

    def stream(self, batches: Iterable[SignalBatch]) -> Generator[LightBatch]:
        """Expands batches as they come; their light comes in the same order. To be closed where it is left early.

        Raises:
            DeviceError: as `expand` does.
        """

    def expand(self, batch: SignalBatch) -> LightBatch:
        """Expands a batch; frames do not influence one another.

        Args:
            batch: decoded pictures, SDR; planes on any device.

        Returns:
            Their light, with timings, primaries and packets carried over.

        Raises:
            DeviceError: the device's memory does not suffice.
        """

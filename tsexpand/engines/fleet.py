"""Several devices for one clip."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace

import torch

from ..compiled import Compilation
from ..frames import LightBatch, SignalBatch
from . import Engine, Setup
from .turns import in_turns


class Fleet:
    """Engines that share a clip: batches are dealt out in turn and collected in turn.

    A frame does not depend on its batch, so that the picture is that of one engine.

    Args:
        engines: one a device; light is collected on the device of the first.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        if not engines:
            raise ValueError("a fleet of no engines")
        self._engines = tuple(engines)

    @property
    def description(self) -> str:
        """What runs where."""
        return "; ".join(engine.description for engine in self._engines)

    @property
    def setup(self) -> Setup:
        """That of the first, which all share but for the device."""
        setups = [engine.setup for engine in self._engines]
        return replace(setups[0], device=",".join(setup.device for setup in setups))

    @property
    def compilation(self) -> Compilation:
        """That of the first, where the light is collected."""
        return self._engines[0].compilation

    @property
    def notices(self) -> tuple[str, ...]:
        """Those of all engines, each once."""
        return tuple(dict.fromkeys(notice for engine in self._engines for notice in engine.notices))

    @property
    def device(self) -> torch.device:
        """Where the light is collected."""
        return self._engines[0].device

    def expect(self, width: int, height: int, frames: float) -> None:
        """See `Engine.expect`; each gets its share."""
        for engine in self._engines:
            engine.expect(width, height, frames / len(self._engines))

    def stream(self, batches: Iterable[SignalBatch]) -> Generator[LightBatch]:
        """See `Engine.stream`; an error of an engine is raised where its batch would come."""
        with closing(in_turns(batches, [engine.expand for engine in self._engines])) as expanded:
            yield from map(self._collected, expanded)

    def expand(self, batch: SignalBatch) -> LightBatch:
        """See `Engine.expand`; by the first."""
        return self._engines[0].expand(batch)

    def _collected(self, batch: LightBatch) -> LightBatch:
        gains = None if batch.gains is None else batch.gains.to(self.device)
        return replace(batch, light=batch.light.to(self.device), gains=gains)

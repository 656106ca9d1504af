"""A clip through the stages one by one, and through all at once, which should take as long as the slowest of them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..codecs.decode import VideoSource
from ..convert import ConvertOptions, convert, prepared
from ..engines import Engine
from ..engines.devices import default_batch_size
from ..frames import SignalBatch
from ..sinks.delivery import make_sink

MOST_FRAMES = 400
"""Decoded and prepared pictures are held in memory while a stage runs alone."""


@dataclass(frozen=True, slots=True)
class StageTime:
    """Seconds that a stage, or the whole, took for so many frames."""

    name: str
    frames: int
    seconds: float

    @property
    def frames_per_second(self) -> float:
        """The rate."""
        return self.frames / self.seconds


def stage_times(options: ConvertOptions, engine: Engine) -> Iterator[StageTime]:
    """Each stage alone on all of the machine, then "convert", which is all of them; as they are measured.

    Args:
        options: what is converted, a file, of which at most `MOST_FRAMES` frames, and how; outputs are written to a
            folder that is then removed.
        engine: ready.
    """
    with TemporaryDirectory() as folder:
        to = replace(options, outputs=tuple(Path(folder) / path.name for path in options.outputs))
        signals: list[SignalBatch] = []
        with VideoSource(to.source, start=to.start, frames=to.frames or MOST_FRAMES, overrides=to.overrides) as source:
            info = source.info
            batch_size = to.batch_size or default_batch_size(info.width, info.height, engine.device)
            decoding = _seconds(lambda: signals.extend(source.batches(batch_size)))
            frames = sum(len(batch) for batch in signals)
            yield StageTime("decode", frames, decoding)
            engine.expect(float("inf"))
            with make_sink(to.outputs, info, source.companions, to.delivery) as sink:
                batches: list[tuple[Any, int]] = []
                working = _seconds(lambda: batches.extend(prepared(signals, engine, to, sink.prepare)))
                yield StageTime("network", frames, working)

                def write() -> None:
                    for batch, _ in batches:
                        sink.write(batch)
                    sink.commit()

                yield StageTime("write", frames, _seconds(write))
        again = replace(to, frames=frames, delivery=replace(to.delivery, overwrite=True))
        yield StageTime("convert", frames, _seconds(lambda: convert(again, engine)))


def overhead(times: list[StageTime]) -> float:
    """How many times as long as its slowest stage the whole took."""
    *stages, whole = times
    return whole.seconds / max(stage.seconds for stage in stages)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began

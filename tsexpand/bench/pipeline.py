"""A clip through the stages one by one, and through all at once, which should take as long as the slowest of them."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..codecs.source import open_source
from ..convert import ConvertOptions, convert, motion_for, prepared
from ..engines import Engine
from ..engines.devices import default_batch_size
from ..errors import InputError
from ..frames import SignalBatch
from ..sinks import Sink
from ..sinks.delivery import make_sink

ROUNDS = 3
"""Of each stage and of the whole; fewer than of the network alone, as one may take minutes."""

MOST_FRAMES = 400
MOST_BYTES = 1 << 30
"""Decoded and prepared pictures are held in memory while a stage runs alone: that many, of about that size."""

_BYTES_A_PIXEL = 9
"""Of a decoded picture of 10 bit and a prepared one of half RGB."""


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


def stage_times(options: ConvertOptions, engine: Engine, on_round: Callable[[int], None]) -> list[StageTime]:
    """Each stage alone on all of the machine, then "convert", which is all of them: the fastest of `ROUNDS` of each.

    In rounds of one run each: where other tenants of a host slow a machine down for minutes, no stage has them all.

    Args:
        options: what is converted, a file, of which as many frames as may be held, and how; outputs are written to a
            folder that is then removed.
        engine: ready.
        on_round: told before each round, 1 and so on.
    """
    rounds = []
    with TemporaryDirectory() as folder:
        outputs = tuple(Path(folder) / path.name for path in options.outputs)
        to = replace(options, outputs=outputs, delivery=replace(options.delivery, overwrite=True))
        for number in range(1, ROUNDS + 1):
            on_round(number)
            rounds.append(_round(to, engine))
    return [min(times, key=lambda time: time.seconds) for times in zip(*rounds, strict=True)]


def _round(to: ConvertOptions, engine: Engine) -> list[StageTime]:
    stages = list(_alone(to, engine))
    frames = stages[0].frames
    whole = replace(to, reading=replace(to.reading, frames=frames))
    return [*stages, StageTime("convert", frames, _seconds(lambda: convert(whole, engine)))]


def _alone(to: ConvertOptions, engine: Engine) -> Iterator[StageTime]:
    signals: list[SignalBatch] = []
    batches: list[tuple[Any, int]] = []
    with open_source(to.source, to.reading) as source:
        info = source.info
        batch_size = to.batch_size or default_batch_size(info.width, info.height, engine.device)
        most = max(1, min(to.reading.frames or MOST_FRAMES, MOST_BYTES // (_BYTES_A_PIXEL * info.width * info.height)))
        decoding = _seconds(lambda: signals.extend(islice(source.batches(batch_size), -(-most // batch_size))))
        frames = sum(len(batch) for batch in signals)
        if not frames:
            raise InputError(f"{to.source}: no frame could be decoded")
        yield StageTime("decode", frames, decoding)
        engine.expect(info.width, info.height, math.inf)
        motion, _ = motion_for(engine, math.inf) if to.denoise else (None, ())
        with make_sink(to.outputs, info, source.companions, to.delivery) as sink:
            working = _seconds(lambda: batches.extend(prepared(signals, engine, to, sink.prepare, motion)))
            yield StageTime("network", frames, working)
            yield StageTime("write", frames, _seconds(lambda: _write(sink, batches)))


def _write(sink: Sink[Any], batches: list[tuple[Any, int]]) -> None:
    for batch, _ in batches:
        sink.write(batch)
    sink.finish()
    sink.commit()


def overhead(times: list[StageTime]) -> float:
    """How many times as long as its slowest stage the whole took."""
    *stages, whole = times
    return whole.seconds / max(stage.seconds for stage in stages)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began

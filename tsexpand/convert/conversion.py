"""One clip from SDR to HDR: the stages, wired together."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from ..codecs.source import Source, open_source
from ..colour.tonemap import roll_off
from ..cores import filled, one_core, settle
from ..engines import Engine
from ..engines.copies import copies_of, pinned, settled
from ..engines.devices import default_batch_size, translated_memory
from ..errors import InputError
from ..flow import Flow
from ..frames import LightBatch, SignalBatch, VideoInfo
from ..interruption import Interruption
from ..replay import replayed
from ..sinks import Fetch, Sink
from ..sinks.delivery import DeliveryOptions, make_sink
from ..sinks.documents.provenance import Provenance
from ..sinks.paths import refuse_sources
from ..temporal.cpu_motion import CpuMotion
from ..temporal.denoising import denoise, denoising_notices
from ..temporal.exposure import anchor
from ..temporal.smoothing import smooth
from .motion import motion_for
from .options import ConvertOptions, estimated_frames, expected_frames
from .provenance import provenance_of
from .report import ConvertProgress, ConvertReport, Spent, time_spent

_COMPILING = "compiling denoising, which takes some seconds, once for all clips"

DEPTH = 2
"""Batches that may wait between two stages: enough to hide jitter, little memory."""


def convert(
    options: ConvertOptions,
    engine: Engine,
    on_open: Callable[[VideoInfo, tuple[str, ...]], None] = lambda info, notices: None,
    on_progress: Callable[[ConvertProgress], None] = lambda progress: None,
) -> ConvertReport:
    """Converts one clip.

    Args:
        options: what, and into what.
        engine: ready.
        on_open: told of the source and of notices, before the first frame; again where the engine has some.
        on_progress: told after every batch.

    Raises:
        InputError, OutputError, DeviceError: nothing is left under a final name unless it is whole.
        KeyboardInterrupt: before the first frame was written, or again.
    """
    settle()
    with ExitStack() as stack:
        source = stack.enter_context(open_source(options.source, options.reading))
        refuse_sources(options.outputs, source.files)

        motion: CpuMotion | None = None
        slow: tuple[str, ...] = ()

        def of_devices() -> tuple[str, ...]:
            return (*engine.notices, *slow)

        def notices() -> tuple[str, ...]:
            return (*source.info.notices, *of_devices(), *sink.notices)

        def provenance() -> Provenance:
            return provenance_of(options, engine, motion, notices())

        delivery = _where_the_light_is(options.delivery, engine)
        sink = stack.enter_context(make_sink(options.outputs, source.info, source.companions, delivery, provenance))
        on_open(source.info, (*source.info.notices, *sink.notices))
        if source.info.is_still:  # there is nothing before or after it, for which it would have to be compared
            options = replace(options, denoise=False, smooth=False)
        frames = estimated_frames(source.info, options.reading)
        engine.expect(source.info.width, source.info.height, frames)
        if options.denoise:
            pixels = source.info.width * source.info.height * frames
            motion, slow = motion_for(engine, pixels, lambda: on_open(source.info, (_COMPILING,)))
            with translated_memory(engine.device):
                slow += denoising_notices(engine.device)
        if of_devices():
            on_open(source.info, of_devices())
        written = _run(source, engine, motion, sink, options, on_progress)
        if not written.frames and written.interrupted:
            raise KeyboardInterrupt
        if not written.frames:
            raise InputError(f"{options.source}: no frame could be decoded")
        sink.finish(written.interrupted)
        names = sink.commit(written.interrupted)
        return ConvertReport(
            source=source.info,
            outputs=names if written.interrupted else options.outputs,
            frames=written.frames,
            seconds=written.seconds,
            engine=engine.description,
            stages=written.stages,
            bottleneck=written.bottleneck,
            content_light=sink.content_light,
            notices=notices(),
            interrupted=written.interrupted,
        )


def _where_the_light_is(delivery: DeliveryOptions, engine: Engine) -> DeliveryOptions:
    """With pictures encoded on the GPU that has their light, where the encoder can."""
    device = engine.device if engine.device.type == "cuda" else None
    return replace(delivery, encoder=replace(delivery.encoder, device=device))


@dataclass(slots=True)
class _Written:
    """What has been written so far, and where the time went."""

    frames: int = 0
    seconds: float = 0.0
    stages: dict[str, Spent] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def bottleneck(self) -> str:
        return max(self.stages, key=lambda name: self.stages[name].busy, default="")


def _run(
    source: Source,
    engine: Engine,
    motion: CpuMotion | None,
    sink: Sink[Any],
    options: ConvertOptions,
    on_progress: Callable[[ConvertProgress], None],
) -> _Written:
    """The three threads, until the last frame is written, or a signal ends it where the beginning is to be kept."""
    began = time.monotonic()
    written = _Written()
    total = expected_frames(source.info, options.reading)
    batch_size = options.batch_size or default_batch_size(source.info.width, source.info.height, engine.device)
    with Flow() as flow, Interruption(flow.stop) if options.keep_partial else nullcontext() as interruption:
        flow.on_cancel(source.cancel)
        signals = flow.prefetch(pinned(source.batches(batch_size), engine.device), DEPTH, "decode")
        batches = prepared(signals, engine, options, sink.prepare, motion)
        for batch, count in flow.prefetch(batches, DEPTH, "network"):
            sink.write(batch)
            written.frames += count
            written.seconds = time.monotonic() - began
            written.stages = time_spent(flow.times, written.seconds)
            rate = written.frames / written.seconds
            on_progress(ConvertProgress(written.frames, total, rate, written.bottleneck))
        written.interrupted = interruption is not None and interruption.came
    return written


def prepared(
    signals: Iterable[SignalBatch],
    engine: Engine,
    options: ConvertOptions,
    prepare: Callable[[LightBatch, Fetch], Any],
    motion: CpuMotion | None = None,
) -> Iterator[tuple[Any, int]]:
    """The stage of the device: signal to light, steadied, within the peak, ready to be written.

    It is on the CPU by then, but for what an encoder takes from the device.

    Args:
        signals: of the source.
        engine: ready for the clip.
        options: of the conversion.
        prepare: of the sink.
        motion: compiled code that denoises, see `motion_for`.
    """
    delivery, copies = options.delivery, copies_of(engine.device)
    with one_core(), closing(engine.stream(signals)) as expanded, translated_memory(engine.device):
        lights = anchor(expanded)
        if options.denoise:
            lights = denoise(lights, motion)
        if options.smooth:
            lights = smooth(lights)

        def rolled_off(light: Tensor) -> Tensor:
            return roll_off(light, delivery.peak, delivery.reference_white)

        def fitted(light: Tensor) -> tuple[Tensor]:
            return (filled(light, rolled_off, light),)

        def delivered(batch: LightBatch) -> tuple[Any, int]:
            (light,) = replayed(("fitted", delivery.peak, delivery.reference_white), fitted, batch.light)
            return prepare(replace(batch, light=light), copies.down), len(batch)

        yield from settled(map(delivered, lights), copies)

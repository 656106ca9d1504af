"""One clip from SDR to HDR: the stages, wired together."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from .codecs.decode import FOUND_OUT, Deinterlacing, InputFormat, SignalOverrides
from .codecs.source import Source, open_source
from .colour.hdr10 import ContentLight
from .colour.tonemap import roll_off
from .cores import filled, one_core
from .engines import Engine
from .engines.copies import copies_of, settled
from .engines.devices import default_batch_size, translated_memory
from .errors import InputError
from .flow import Flow, StageTimes
from .frames import LightBatch, SignalBatch, VideoInfo
from .interruption import Interruption
from .sinks import Fetch, Sink
from .sinks.delivery import DeliveryOptions, make_sink
from .sinks.documents.provenance import Provenance
from .sinks.paths import refuse_sources
from .temporal.denoising import denoise
from .temporal.exposure import anchor
from .temporal.smoothing import smooth

DEPTH = 2
"""Batches that may wait between two stages: enough to hide jitter, little memory."""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What is converted, and into what.

    Attributes:
        source: file, URL, or "-" for standard input.
        outputs: one or more, written in the same pass.
        delivery: how they are written.
        batch_size: frames the engine takes at once; None lets the engine choose by their size.
        start: seconds to begin at.
        frames: how many, or all.
        denoise: whether noise is averaged out along the motion.
        smooth: whether luminance is smoothed over time.
        overrides: of what the stream says about its colour.
        deinterlacing: what becomes of interlaced pictures.
        repeat_damaged: whether a picture that can't be decoded is replaced by the one before it.
        scale_changed: whether pictures that change their size are brought to that of the first.
        keep_partial: whether Ctrl-C and SIGTERM leave what was converted, under a name that says so.
        stream: number of the video stream, see `VideoSource`.
        frame_rate: at which picture files are a clip; None leaves a picture on its own.
        command: what was typed, for the record; empty where there was no command line.
        settings: the options of the command line by name, in JSON's types, for the record.
        input_format: where the source does not say it itself.
    """

    source: str
    outputs: tuple[Path, ...]
    delivery: DeliveryOptions
    batch_size: int | None = None
    start: Fraction | None = None
    frames: int | None = None
    denoise: bool = True
    smooth: bool = False
    overrides: SignalOverrides = field(default_factory=SignalOverrides)
    deinterlacing: Deinterlacing = Deinterlacing.FRAME
    repeat_damaged: bool = False
    scale_changed: bool = False
    keep_partial: bool = False
    stream: int | None = None
    frame_rate: Fraction | None = None
    command: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    input_format: InputFormat = FOUND_OUT

    def open_source(self) -> Source:
        """The source, open."""
        return open_source(
            self.source,
            frame_rate=self.frame_rate,
            start=self.start,
            frames=self.frames,
            overrides=self.overrides,
            deinterlacing=self.deinterlacing,
            repeats=self.repeat_damaged,
            scales=self.scale_changed,
            stream=self.stream,
            format=self.input_format,
        )

    def __post_init__(self) -> None:
        if not self.outputs:
            raise ValueError("no output")
        if self.delivery.preview is not None and self.delivery.preview not in self.outputs:
            raise ValueError(f"the preview {self.delivery.preview} is no output")
        if not 0 < self.delivery.reference_white < self.delivery.peak <= 10000:
            raise ValueError("the peak must be above the reference white and at most 10 000 cd/m²")


@dataclass(frozen=True, slots=True)
class ConvertProgress:
    """How far a conversion is: frames written, of how many if known, per second, and what holds it up."""

    frames: int
    total: int | None
    frames_per_second: float
    bottleneck: str


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What was done.

    Attributes:
        source: what was read, and what was assumed of it.
        outputs: that were written, by the names that they have.
        frames: in each of them.
        seconds: that it took.
        engine: network, device, precision, tiles.
        stages: where the time of each went, first to last.
        bottleneck: the stage that worked longest.
        content_light: of the video, if one was written.
        notices: what a user should know, a sentence each.
        interrupted: whether the outputs are only what was converted before Ctrl-C or SIGTERM.
    """

    source: VideoInfo
    outputs: tuple[Path, ...]
    frames: int
    seconds: float
    engine: str
    stages: dict[str, "Spent"]
    bottleneck: str
    content_light: ContentLight | None
    notices: tuple[str, ...]
    interrupted: bool = False


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
    with ExitStack() as stack:
        source = stack.enter_context(options.open_source())
        refuse_sources(options.outputs, source.files)

        def notices() -> tuple[str, ...]:
            return (*source.info.notices, *engine.notices, *sink.notices)

        def provenance() -> Provenance:
            return _provenance(options, engine, notices())

        sink = stack.enter_context(
            make_sink(options.outputs, source.info, source.companions, options.delivery, provenance)
        )
        on_open(source.info, (*source.info.notices, *sink.notices))
        if source.info.is_still:  # there is nothing before or after it, for which it would have to be compared
            options = replace(options, denoise=False, smooth=False)
        engine.expect(source.info.width, source.info.height, _estimated_frames(source.info, options))
        if engine.notices:
            on_open(source.info, engine.notices)
        written = _run(source, engine, sink, options, on_progress)
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


def _provenance(options: ConvertOptions, engine: Engine, notices: tuple[str, ...]) -> Provenance:
    """What it takes to do it again: the options with what was chosen where they leave it open."""
    setup = engine.setup
    crf, preset = options.delivery.encoder.crf_and_preset
    chosen = {
        "device": setup.device,
        "precision": setup.precision,
        "compile": "always" if setup.compiled else "never",
        "crf": crf,
        "preset": preset,
    }
    return Provenance(
        command=options.command,
        options={**options.settings, **chosen},
        weights=None if setup.weights is None else {"name": setup.weights, "sha256": setup.sha256 or ""},
        engine=engine.description,
        outputs=tuple(map(str, options.outputs)),
        notices=notices,
    )


@dataclass(slots=True)
class _Written:
    """What has been written so far, and where the time went."""

    frames: int = 0
    seconds: float = 0.0
    stages: dict[str, "Spent"] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def bottleneck(self) -> str:
        return max(self.stages, key=lambda name: self.stages[name].busy, default="")


def _run(
    source: Source,
    engine: Engine,
    sink: Sink[Any],
    options: ConvertOptions,
    on_progress: Callable[[ConvertProgress], None],
) -> _Written:
    """The three threads, until the last frame is written, or a signal ends it where the beginning is to be kept."""
    began = time.monotonic()
    written = _Written()
    total = _expected_frames(source.info, options)
    batch_size = options.batch_size or default_batch_size(source.info.width, source.info.height, engine.device)
    with Flow() as flow, Interruption(flow.stop) if options.keep_partial else nullcontext() as interruption:
        flow.on_cancel(source.cancel)
        signals = flow.prefetch(source.batches(batch_size), DEPTH, "decode")
        for batch, count in flow.prefetch(prepared(signals, engine, options, sink.prepare), DEPTH, "network"):
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
) -> Iterator[tuple[Any, int]]:
    """The stage of the device: signal to light, steadied, within the peak, ready to be written, on the CPU."""
    delivery, copies = options.delivery, copies_of(engine.device)
    with one_core(), closing(engine.stream(signals)) as expanded, translated_memory(engine.device):
        lights = anchor(expanded)
        if options.denoise:
            lights = denoise(lights)
        if options.smooth:
            lights = smooth(lights)

        def fitted(light: Tensor) -> Tensor:
            return roll_off(light, delivery.peak, delivery.reference_white)

        def delivered(batch: LightBatch) -> tuple[Any, int]:
            filled(batch.light, fitted, batch.light)
            return prepare(batch, copies.down), len(batch)

        yield from settled(map(delivered, lights), copies)


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that a stage worked, and that it waited for the one before or the one after it."""

    busy: float
    waited: float


def time_spent(times: Sequence[StageTimes], elapsed: float) -> dict[str, Spent]:
    """Where the time of each stage went.

    Args:
        times: of the stages of a chain, first to last.
        elapsed: in all.

    Returns:
        One entry a stage, and "write" for the thread that consumes the last.
    """
    starved = 0.0  # the wait for the stage before, which is part of what a stage was measured to work
    spent = {}
    for stage in times:
        spent[stage.name] = Spent(max(0.0, stage.busy - starved), starved + stage.blocked)
        starved = stage.starved
    return {**spent, "write": Spent(max(0.0, elapsed - starved), starved)}


def _expected_frames(info: VideoInfo, options: ConvertOptions) -> int | None:
    """How many frames there will be, as far as the header tells."""
    if options.start or info.frame_count_from_header is None:
        return options.frames
    return min(info.frame_count_from_header, options.frames or info.frame_count_from_header)


def _estimated_frames(info: VideoInfo, options: ConvertOptions) -> float:
    """About how many frames there will be; infinitely many where the header tells nothing of it."""
    if info.frame_count_from_header is not None:
        count = float(info.frame_count_from_header)
    elif info.duration_from_header is not None and info.frame_rate is not None:
        count = float(info.duration_from_header * info.frame_rate)
    else:
        count = math.inf
    if options.start is not None and info.frame_rate is not None:
        count = max(0.0, count - float(options.start * info.frame_rate))
    return count if options.frames is None else min(count, options.frames)

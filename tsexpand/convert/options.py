"""What is converted, into what, and how many frames that is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..codecs.decode import FOUND_OUT, Deinterlacing, InputFormat, SignalOverrides
from ..codecs.source import Source, open_source
from ..frames import VideoInfo
from ..sinks.delivery import DeliveryOptions


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


def expected_frames(info: VideoInfo, options: ConvertOptions) -> int | None:
    """How many frames there will be, as far as the header tells."""
    if options.start or info.frame_count_from_header is None:
        return options.frames
    return min(info.frame_count_from_header, options.frames or info.frame_count_from_header)


def estimated_frames(info: VideoInfo, options: ConvertOptions) -> float:
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

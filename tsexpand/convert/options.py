"""What is converted, into what, and how many frames that is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..codecs.source_options import WHOLE, SourceOptions
from ..frames import VideoInfo
from ..sinks.delivery import DeliveryOptions


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What is converted, and into what.

    Attributes:
        source: file, URL, or "-" for standard input.
        outputs: one or more, written in the same pass.
        delivery: how they are written.
        reading: which pictures of the source, and how they are read.
        batch_size: frames the engine takes at once; None lets the engine choose by their size.
        denoise: whether noise is averaged out along the motion.
        smooth: whether luminance is smoothed over time.
        keep_partial: whether Ctrl-C and SIGTERM leave what was converted, under a name that says so.
        command: what was typed, for the record; empty where there was no command line.
        settings: the options of the command line by name, in JSON's types, for the record.
    """

    source: str
    outputs: tuple[Path, ...]
    delivery: DeliveryOptions
    reading: SourceOptions = WHOLE
    batch_size: int | None = None
    denoise: bool = True
    smooth: bool = False
    keep_partial: bool = False
    command: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.outputs:
            raise ValueError("no output")
        if self.delivery.preview is not None and self.delivery.preview not in self.outputs:
            raise ValueError(f"the preview {self.delivery.preview} is no output")
        if not 0 < self.delivery.reference_white < self.delivery.peak <= 10000:
            raise ValueError("the peak must be above the reference white and at most 10 000 cd/m²")


def expected_frames(info: VideoInfo, options: SourceOptions) -> int | None:
    """How many frames there will be, as far as the header tells."""
    count = info.frame_count_from_header
    if count is None or (options.start and info.frame_rate is None):
        return options.frames
    if options.start and info.frame_rate is not None:
        count = max(1, count - math.ceil(options.start * info.frame_rate))
    return min(count, options.frames or count)


def estimated_frames(info: VideoInfo, options: SourceOptions) -> float:
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

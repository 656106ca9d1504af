"""How good and how steady predictions are."""

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ..colour.ssim import WINDOW
from ..cores import settle
from ..errors import InputError
from .exposure import ExposureMeter
from .meters import Meter, ReferenceMeter, SourceMeter
from .metrics import Shown
from .report import Curves, EvaluationReport, PredictionReport
from .sources import LightClip, open_light, paired


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """What is judged, and against what.

    Attributes:
        predictions: clips, folders of pictures, or pictures, each against the same.
        reference: the truth, if there is one.
        source: the SDR clip that the predictions were made from, if it is to be compared with.
        fit: whether one scale a clip is fitted first, for predictions of relative light.
        frames: how many of the first are compared, or all.
    """

    predictions: tuple[str, ...]
    reference: str | None = None
    source: str | None = None
    fit: bool = False
    frames: int | None = None

    def __post_init__(self) -> None:
        if not self.predictions:
            raise ValueError("no prediction")
        if self.reference is None and self.source is None:
            raise ValueError("neither a reference nor a source to compare with")

    @property
    def bases(self) -> list[str]:
        """What is compared with: the reference, then the source; a scale is fitted to the first."""
        return [name for name in (self.reference, self.source) if name is not None]

    def meters(self) -> list[Meter]:
        """New ones, one for each of the bases."""
        made: list[tuple[str | None, Meter]] = [(self.reference, ReferenceMeter()), (self.source, SourceMeter())]
        return [meter for name, meter in made if name is not None]


OnFrame = Callable[[str, int], None]
"""Called with the name of a prediction and the number of its frames so far."""


def evaluate(options: EvaluateOptions, on_frame: OnFrame = lambda name, count: None) -> EvaluationReport:
    """Judges predictions, one after the other; of no clip more than 41 frames are held at once.

    Raises:
        InputError: unreadable, sizes or numbers of frames differ, NaN, or nothing to fit a scale on.
    """
    settle()
    with torch.inference_mode():
        reports = [_judge(name, options, on_frame) for name in options.predictions]
    return EvaluationReport(options.reference, options.source, tuple(reports))


def _judge(name: str, options: EvaluateOptions, on_frame: OnFrame) -> PredictionReport:
    scale = _fitted_scale(name, options) if options.fit else 1.0
    meters, count = options.meters(), 0
    with _opened([name, *options.bases], options.frames) as clips:
        for prediction, *bases in paired(clips):
            _check_size(name, prediction)
            shown = Shown.of(prediction * scale)
            for meter, base in zip(meters, bases, strict=True):
                meter.add(shown, Shown.of(base), prediction)
            count += 1
            on_frame(name, count)
        notices = [f"{clip.name}: {notice}" for clip in clips for notice in clip.notices]
    curves: Curves = {}
    for meter in meters:
        curves |= meter.curves()
    return PredictionReport(name, count, scale, tuple(meter.scores() for meter in meters), curves, tuple(notices))


@contextmanager
def _opened(names: list[str], limit: int | None) -> Iterator[list[LightClip]]:
    with ExitStack() as stack:
        yield [stack.enter_context(open_light(name, limit)) for name in names]


def _fitted_scale(name: str, options: EvaluateOptions) -> float:
    """The factor that brings the median log error to 0, over the whole clip."""
    base = options.bases[0]
    meter = ExposureMeter()
    with _opened([name, base], options.frames) as clips:
        for prediction, other in paired(clips):
            meter.add(prediction, other)
    if math.isnan(meter.scale):
        raise InputError(f"{name}: no scale can be fitted: no pixel is well exposed in {base} and lit here")
    return float(2.0**-meter.scale)


def _check_size(name: str, frame: Tensor) -> None:
    height, width = frame.shape[-2:]
    if min(height, width) < WINDOW:
        raise InputError(f"{name}: pictures of {width}×{height} are too small to compare: {WINDOW}×{WINDOW} at least")

"""What an evaluation found."""

import math
from dataclasses import dataclass, fields
from typing import Any

UNITS = {
    "psnr": "dB",
    "mse": "",
    "ssim": "",
    "pu1000": "dB",
    "pu4000": "dB",
    "pu_clipped": "dB",
    "pu_rest": "dB",
    "pu_ssim": "",
    "delta_e_itp": "",
    "smoothness": "",
    "flicker": "PU21",
    "wobble_stops": "stops",
    "scale_stops": "stops",
    "contrast": "",
    "added_flicker": "PU21",
    "added_wobble_stops": "stops",
    "smoothness_to_source": "",
    "exposure_stops": "stops",
    "exposure_to_source_stops": "stops",
}
"""Of every number and curve; "" has none."""

Curves = dict[str, list[float]]
"""A number for each frame, NaN where there is none, under the names of `UNITS`."""


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """A prediction against its reference; NaN where a number can't be had.

    Attributes:
        psnr: of linear light, each frame mapped to [0, 1]; mean over the frames, dB.
        mse: of the same.
        ssim: of the same.
        pu1000: PU21-PSNR on a display of 1000 cd/m², dB.
        pu4000: on one of 4000 cd/m².
        pu_clipped: of these 4000 where the reference reaches reference white, dB.
        pu_rest: elsewhere, dB.
        pu_ssim: SSIM of PU21 luminance.
        delta_e_itp: mean colour difference, 1 just noticeable.
        smoothness: above 1 the prediction is smoother in time than the reference.
        flicker: mean absolute temporal change of the PU21 error.
        wobble_stops: standard deviation over time of the frame's median log error.
        scale_stops: median log error; before `fit`, if that was asked for.
        contrast: slope of log light against the reference.
    """

    psnr: float
    mse: float
    ssim: float
    pu1000: float
    pu4000: float
    pu_clipped: float
    pu_rest: float
    pu_ssim: float
    delta_e_itp: float
    smoothness: float
    flicker: float
    wobble_stops: float
    scale_stops: float
    contrast: float


@dataclass(frozen=True, slots=True)
class SourceScores:
    """A prediction against the SDR clip that it was made from; NaN where a number can't be had.

    Attributes:
        added_flicker: mean absolute temporal change of the PU21 difference to the source's light.
        added_wobble_stops: standard deviation over time of the frame's median log ratio to it.
        smoothness_to_source: above 1 the prediction is smoother in time than its source.
    """

    added_flicker: float
    added_wobble_stops: float
    smoothness_to_source: float


Scores = ReferenceScores | SourceScores


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """What was found of one prediction.

    Attributes:
        name: as the user gave it.
        frames: how many.
        fitted_scale: by which its light was multiplied; 1 unless fitted.
        scores: against the reference, the source, or both.
        curves: by frame.
        notices: what was assumed of any of the clips.
    """

    name: str
    frames: int
    fitted_scale: float
    scores: tuple[Scores, ...]
    curves: Curves
    notices: tuple[str, ...]

    @property
    def numbers(self) -> dict[str, float]:
        """All scores by name."""
        return {f.name: getattr(scores, f.name) for scores in self.scores for f in fields(scores)}


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What was found of all predictions.

    Attributes:
        reference: compared with, if any.
        source: likewise.
        predictions: in the order given.
    """

    reference: str | None
    source: str | None
    predictions: tuple[PredictionReport, ...]

    def values(self) -> dict[str, Any]:
        """The report in JSON's types; what is not a finite number is None."""
        return {
            "reference": self.reference,
            "source": self.source,
            "units": {name: UNITS[name] for name in self.predictions[0].numbers},
            "predictions": [_values(report) for report in self.predictions],
        }


def _values(report: PredictionReport) -> dict[str, Any]:
    return {
        "prediction": report.name,
        "frames": report.frames,
        "fitted_scale": report.fitted_scale,
        "scores": {name: _finite(number) for name, number in report.numbers.items()},
        "per_frame": {name: [_finite(number) for number in curve] for name, curve in report.curves.items()},
        "notices": list(report.notices),
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None

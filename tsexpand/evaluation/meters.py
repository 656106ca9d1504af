"""A clip against its reference, or against the SDR clip that it was made from."""

import math
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from .exposure import ExposureMeter
from .metrics import FrameScores, Shown, SquareError, psnr, score_frame
from .report import Curves, ReferenceScores, Scores, SourceScores
from .stability import ChangeMeter, RoughnessMeter, smoothness


class Meter(Protocol):
    """Takes in two clips frame by frame, and says what it found once they have ended."""

    def add(self, prediction: Shown, base: Shown, unfitted: Tensor) -> None:
        """Takes in a frame of both.

        Args:
            prediction: as it is judged.
            base: what it is compared with.
            unfitted: light of the prediction as it came, (1, 3, H, W), cd/m².
        """
        ...

    def scores(self) -> Scores:
        """Of the whole clip."""
        ...

    def curves(self) -> Curves:
        """Frame by frame."""
        ...


@dataclass(slots=True)
class Steadiness:
    """What both meters measure over time."""

    exposure: ExposureMeter = field(default_factory=ExposureMeter)
    error: ChangeMeter = field(default_factory=ChangeMeter)
    prediction: RoughnessMeter = field(default_factory=RoughnessMeter)
    base: RoughnessMeter = field(default_factory=RoughnessMeter)

    def add(self, prediction: Shown, base: Shown, unfitted: Tensor) -> None:
        """As `Meter.add`."""
        self.exposure.add(unfitted, base.light)
        self.error.add(prediction.pu - base.pu)
        self.prediction.add(prediction.pu)
        self.base.add(base.pu)

    def smoothness(self) -> float:
        """S of the whole clip; NaN of a single frame."""
        if len(self.error.changes) < 2:
            return math.nan
        return smoothness(self.base.finish(), self.prediction.finish())


class ReferenceMeter:
    """Compares with a reference."""

    def __init__(self) -> None:
        self._frames: list[FrameScores] = []
        self._steadiness = Steadiness()

    def add(self, prediction: Shown, base: Shown, unfitted: Tensor) -> None:
        """See `Meter.add`."""
        self._frames.append(score_frame(prediction, base))
        self._steadiness.add(prediction, base, unfitted)

    def scores(self) -> ReferenceScores:
        """PU21-PSNR of all pixels together; the mean over the frames of what is no PU21-PSNR, as in the origin."""
        frames, steadiness = self._frames, self._steadiness
        return ReferenceScores(
            psnr=_mean([psnr(frame.mse) for frame in frames]),
            mse=_mean([frame.mse for frame in frames]),
            ssim=_mean([frame.ssim for frame in frames]),
            pu1000=sum((frame.pu1000 for frame in frames), SquareError()).pu_psnr,
            pu4000=sum((frame.pu4000 for frame in frames), SquareError()).pu_psnr,
            pu_clipped=sum((frame.clipped for frame in frames), SquareError()).pu_psnr,
            pu_rest=sum((frame.rest for frame in frames), SquareError()).pu_psnr,
            pu_ssim=_mean([frame.pu_ssim for frame in frames]),
            delta_e_itp=_mean([frame.delta_e_itp for frame in frames]),
            smoothness=steadiness.smoothness(),
            flicker=steadiness.error.mean,
            wobble_stops=steadiness.exposure.wobble,
            scale_stops=steadiness.exposure.scale,
            contrast=steadiness.exposure.contrast,
        )

    def curves(self) -> Curves:
        """Of the pictures, and of flicker and exposure."""
        frames = self._frames
        return {
            "psnr": [psnr(frame.mse) for frame in frames],
            "mse": [frame.mse for frame in frames],
            "ssim": [frame.ssim for frame in frames],
            "pu1000": [frame.pu1000.pu_psnr for frame in frames],
            "pu4000": [frame.pu4000.pu_psnr for frame in frames],
            "pu_clipped": [frame.clipped.pu_psnr for frame in frames],
            "pu_rest": [frame.rest.pu_psnr for frame in frames],
            "pu_ssim": [frame.pu_ssim for frame in frames],
            "delta_e_itp": [frame.delta_e_itp for frame in frames],
            "flicker": self._steadiness.error.changes,
            "exposure_stops": self._steadiness.exposure.medians,
        }


class SourceMeter:
    """Compares with the source: what moves in the scene moves in both, and what is left was added."""

    def __init__(self) -> None:
        self._steadiness = Steadiness()

    def add(self, prediction: Shown, base: Shown, unfitted: Tensor) -> None:
        """See `Meter.add`."""
        self._steadiness.add(prediction, base, unfitted)

    def scores(self) -> SourceScores:
        """Of the whole clip."""
        steadiness = self._steadiness
        return SourceScores(steadiness.error.mean, steadiness.exposure.wobble, steadiness.smoothness())

    def curves(self) -> Curves:
        """Flicker and exposure."""
        steadiness = self._steadiness
        return {"added_flicker": steadiness.error.changes, "exposure_to_source_stops": steadiness.exposure.medians}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

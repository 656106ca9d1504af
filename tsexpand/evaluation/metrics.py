"""One frame against another."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.ictcp import delta_e_itp
from ..colour.luminance import luminance
from ..colour.primaries import convert
from ..colour.pu21 import BRIGHT, DIM, PEAK_SIGNAL, pu21, pu21_psnr
from ..colour.ssim import ssim
from ..network.output import REFERENCE_WHITE

_SMALLEST_SQUARE = 1e-15
"""Mean squared error of pictures in [0, 1] that a perfect match is given: 150 dB."""


@dataclass(frozen=True, slots=True)
class SquareError:
    """Squared errors so far: their sum and how many they are."""

    total: float = 0.0
    count: int = 0

    @classmethod
    def of(cls, error: Tensor) -> "SquareError":
        """Those of a tensor of errors."""
        return cls(float(error.double().square().sum()), error.numel())

    def __add__(self, other: "SquareError") -> "SquareError":
        return SquareError(self.total + other.total, self.count + other.count)

    @property
    def pu_psnr(self) -> float:
        """PU21-PSNR in dB, peak signal 256; NaN of nothing."""
        return pu21_psnr(self.total / self.count) if self.count else math.nan


def psnr(mean_square: float) -> float:
    """Peak signal to noise ratio, dB, of the mean squared error of pictures in [0, 1]."""
    return -10 * math.log10(max(mean_square, _SMALLEST_SQUARE))


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame as the metrics take it.

    Attributes:
        light: (1, 3, H, W), cd/m², BT.709 RGB; negative outside BT.709.
        pu: (1, 3, H, W), its PU21 values on the bright display.
    """

    light: Tensor
    pu: Tensor

    @classmethod
    def of(cls, light: Tensor) -> "Shown":
        """Light with its encoding."""
        return cls(light, pu21(light.clamp_max(BRIGHT)))


@dataclass(frozen=True, slots=True)
class FrameScores:
    """How far one frame is from that of the reference.

    Attributes:
        mse: mean squared error of linear light, each frame mapped to [0, 1].
        ssim: of the same, mean over R, G, B.
        pu1000: squared PU21 errors on a display of 1000 cd/m².
        pu4000: on one of 4000 cd/m².
        clipped: of these, where the reference is at or above reference white in R, G or B.
        rest: elsewhere.
        pu_ssim: SSIM of the PU21 luminance on a display of 4000 cd/m².
        delta_e_itp: mean ΔE_ITP.
    """

    mse: float
    ssim: float
    pu1000: SquareError
    pu4000: SquareError
    clipped: SquareError
    rest: SquareError
    pu_ssim: float
    delta_e_itp: float


def score_frame(prediction: Shown, reference: Shown) -> FrameScores:
    """Everything that two frames alone tell; they are of one size, at least 11 × 11."""
    unit, true_unit = unit_range(prediction.light), unit_range(reference.light)
    error = prediction.pu - reference.pu
    dim = pu21(error.new_tensor(DIM))
    area = (reference.light.amax(1, keepdim=True) >= REFERENCE_WHITE).expand_as(error)
    return FrameScores(
        mse=float((unit - true_unit).double().square().mean()),
        ssim=float(ssim(unit, true_unit, data_range=1.0)),
        pu1000=SquareError.of(prediction.pu.clamp_max(dim) - reference.pu.clamp_max(dim)),
        pu4000=SquareError.of(error),
        clipped=SquareError.of(error[area]),
        rest=SquareError.of(error[~area]),
        pu_ssim=float(ssim(pu_luminance(prediction.light), pu_luminance(reference.light), PEAK_SIGNAL)),
        delta_e_itp=float(colour_difference(prediction.light, reference.light).double().mean()),
    )


def unit_range(light: Tensor) -> Tensor:
    """A frame mapped to [0, 1] by its own minimum and maximum, as the origin measures; a flat one is 0."""
    low, high = light.amin(), light.amax()
    return (light - low) / (high - low).clamp_min(torch.finfo(light.dtype).tiny)


def pu_luminance(light: Tensor) -> Tensor:
    """PU21 of luminance on the bright display: (1, 3, H, W) to (1, 1, H, W)."""
    return pu21(luminance(light, Primaries.BT709).clamp_max(BRIGHT))


def colour_difference(first: Tensor, second: Tensor) -> Tensor:
    """ΔE_ITP of BT.709 light in cd/m²: two (1, 3, H, W) to (1, 1, H, W)."""
    wide = (convert(light, Primaries.BT709, Primaries.BT2020) for light in (first, second))
    return delta_e_itp(*wide)

"""How far a prediction is from the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from ..colour.pu21 import BRIGHT, PEAK_SIGNAL, pu21
from ..colour.ssim import ssim
from ..colour.transfer import pq_eotf, pq_inverse_eotf
from ..network.output import REFERENCE_WHITE
from .options import Stability

PUBLISHED_COSINE_WEIGHT = 5.0
"""Of the paper, for linear light in [0, 1]."""

COSINE_WEIGHT = 0.5
"""On PQ signals, where directions differ less."""


@dataclass(frozen=True, slots=True)
class Area:
    """How errors of a part of the picture count.

    Attributes:
        weight: of the root of their mean square, PU21 units.
        floor: mean square below which there is little left to gain.
    """

    weight: float
    floor: float

    def loss(self, error: Tensor, where: Tensor) -> Tensor:
        """Weighted mean over samples of the root mean square of errors (N, 3, H, W) within masks (N, 1, H, W)."""
        root = (mean_square(error, where) + self.floor).sqrt()
        return self.weight * torch.where(where.sum((1, 2, 3)) >= SMALLEST_AREA, root, 0.0).mean()


CLIPPED = Area(weight=0.01, floor=4.0)
"""Where something clipped, or a title is white: errors are large, and most of them can't be helped."""

BORDER = Area(weight=0.02, floor=1.0)
"""Where it is not clear from the signal that nothing clipped: the shoulder, and the surroundings of what clipped."""

REST = Area(weight=0.12, floor=0.1)
"""Everything else: errors are small, and their gain is lost among those of the others without a loss of its own."""

STABILITY_WEIGHTS = {Stability.L1: 0.48, Stability.L2: 0.048, Stability.REC: 2.7, Stability.SSIM: 30.0}
"""Of differences between frames. The published shares α were made for light in [0, 1]; with these weights, and those
shares, L1, L2 and REC are about six tenths of the loss of trained weights, SSIM a quarter (on 48 samples): with six
tenths of SSIM quality was lost (docs/quality.md)."""

CHANGE_WEIGHT = 0.5
"""Of changes that a teacher's light does not have, PU21 units."""

SHOULDER = 0.7
"""Light, 1 = SDR reference white, from which a camera's shoulder may have compressed it."""

SURROUNDINGS = 4
"""Pixels around what clipped that its compression reaches."""

SMALLEST_AREA = 64
"""Pixels; the error of a smaller area says too little."""


def mean_square(error: Tensor, area: Tensor) -> Tensor:
    """Mean squared error (N,) of pictures (N, 3, H, W) inside areas (N, 1, H, W), bool; 0 where there is none."""
    return (error.square() * area).sum((1, 2, 3)) / (3 * area.sum((1, 2, 3))).clamp_min(1)


def areas(light: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Masks (N, 1, H, W) of true light (N, 3, H, W): what clipped, its border, the rest."""
    brightest = light.amax(1, keepdim=True)
    clipped = brightest >= 1
    reached = F.max_pool2d(clipped.float(), 2 * SURROUNDINGS + 1, 1, SURROUNDINGS) > 0
    border = (reached | (brightest >= SHOULDER)) & ~clipped
    return clipped, border, ~(clipped | border)


def reconstruction_loss(prediction: Tensor, light: Tensor) -> Tensor:
    """Root mean squared PU21 errors, sample by sample, of what clipped, its border and the rest; colour direction.

    A mean of squared errors over samples is ruled by the few with a sun in them, and teaches that every
    clipped cloud is one; a mean of logarithms, in which a decibel is worth the same everywhere, gives up the
    suns, and is so steep where errors are small that nothing else is learned. The root is between the two.
    Border and rest are apart because the light spilt around what was expanded would hide what compression did.

    Args:
        prediction: (N, 3, H, W), PQ signal.
        light: (N, 3, H, W), true light, 1 = SDR reference white.

    Returns:
        Scalar.

    Reference:
        arXiv 1803.02266, section 4.3, for the cosine term.
    """
    truth = (REFERENCE_WHITE * light).clamp_max(BRIGHT)
    predicted = pq_eotf(prediction)
    predicted = torch.where(truth < BRIGHT, predicted, predicted.clamp_max(BRIGHT))
    return _area_losses(pu21(predicted) - pu21(truth), light) + _direction_loss(prediction, pq_inverse_eotf(truth))


def _area_losses(error: Tensor, light: Tensor) -> Tensor:
    """Of errors (N, 3, H, W), PU21 units, in what clipped in the true light, its border and the rest."""
    roots = [area.loss(error, where) for area, where in zip((CLIPPED, BORDER, REST), areas(light), strict=True)]
    return torch.stack(roots).sum()


def _direction_loss(prediction: Tensor, expected: Tensor) -> Tensor:
    """Of the directions of colours: (N, 3, H, W) PQ signals, both."""
    return COSINE_WEIGHT * (1 - F.cosine_similarity(prediction, expected, dim=1, eps=1e-6).mean())


def distillation_loss(predictions: Sequence[Tensor], expected: Sequence[Tensor], lights: Sequence[Tensor]) -> Tensor:
    """How far predictions are from those of a teacher, and how far they change otherwise from frame to frame.

    What a teacher expects where something clipped is what is likely there; the truth is one of many cases.

    Args:
        predictions: (N, 3, H, W), PQ signals of a frame, or of two consecutive ones.
        expected: likewise, of the teacher.
        lights: likewise, true light, 1 = SDR reference white.
    """
    errors = [_shown(ours) - _shown(its) for ours, its in zip(predictions, expected, strict=True)]
    loss = torch.stack([_area_losses(error, light) for error, light in zip(errors, lights, strict=True)]).mean()
    for before, after in pairwise(errors):
        loss = loss + CHANGE_WEIGHT * (after - before).abs().mean()
    return loss


def _shown(signal: Tensor) -> Tensor:
    """A PQ signal in PU21 units."""
    return pu21(pq_eotf(signal).clamp_max(BRIGHT))


def published_reconstruction_loss(prediction: Tensor, light: Tensor) -> Tensor:
    """The paper's: L1 + 5·(1 − cosine similarity over channels), for relative light.

    Args:
        prediction: (N, 3, H, W), in [0, 1].
        light: (N, 3, H, W), in [0, 1].

    Reference:
        arXiv 1803.02266, section 4.3.
    """
    cosine = F.cosine_similarity(prediction, light, dim=1, eps=1e-6).mean()
    return F.l1_loss(prediction, light) + PUBLISHED_COSINE_WEIGHT * (1 - cosine)


def published_stability_loss(moved: Tensor, expected: Tensor, kind: Stability) -> Tensor:
    """How much the prediction of a moved picture differs from what was expected of it.

    Args:
        moved: (N, 3, H, W), prediction of the moved picture, in [0, 1].
        expected: (N, 3, H, W), prediction of the picture, in [0, 1].
        kind: which difference.

    Reference:
        arXiv 1902.10424, section 3; the four kinds are the project's origin's.
    """
    if kind is Stability.L1:
        return F.l1_loss(moved, expected)
    if kind is Stability.L2:
        return F.mse_loss(moved, expected)
    if kind is Stability.REC:
        return published_reconstruction_loss(moved, expected)
    return 1 - ssim(moved, expected, 1.0).mean()


def stability_loss(now: Tensor, after: Tensor, light: Tensor, light_after: Tensor, kind: Stability) -> Tensor:
    """How far a prediction changes from frame to frame by something else than the truth does, for the absolute target.

    In PU21 units, with `STABILITY_WEIGHTS`. What is expected after is what was there, and what the truth changed.

    Args:
        now: (N, 3, H, W), PQ signal of the prediction of a frame.
        after: (N, 3, H, W), of the next one.
        light: (N, 3, H, W), true light of the frame, 1 = SDR reference white.
        light_after: (N, 3, H, W), of the next one.
        kind: which difference: the mean absolute one (L1), the root of the mean square (L2), what
            `reconstruction_loss` makes of it (REC), or 1 − SSIM.
    """
    was, shown = _shown(now), _shown(after)
    truth_was, truth = ((REFERENCE_WHITE * true).clamp_max(BRIGHT) for true in (light, light_after))
    expected = was + pu21(truth) - pu21(truth_was)
    if kind is Stability.L1:
        loss = F.l1_loss(shown, expected)
    elif kind is Stability.L2:
        loss = ((shown - expected).square().mean((1, 2, 3)) + REST.floor).sqrt().mean()
    elif kind is Stability.REC:
        expected_signal = now + pq_inverse_eotf(truth) - pq_inverse_eotf(truth_was)
        loss = _area_losses(shown - expected, light_after) + _direction_loss(after, expected_signal.clamp_min(0))
    else:
        loss = 1 - ssim(shown, expected, PEAK_SIGNAL).mean()
    return STABILITY_WEIGHTS[kind] * loss

"""How good weights are, on short clips of scenes that they do not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..colour.pu21 import pu21, pu21_psnr
from ..colour.transfer import bt1886_eotf
from ..network.expandnet import HALO, ExpandNet
from ..network.output import REFERENCE_WHITE, Parametrisation, light
from .samples import Clip, random_clip
from .scenes import Scene

FRAMES = 6
"""Of the clips that are rendered and encoded, so that their last pictures are coded like those of long ones."""

SCORED = 2
"""Frames of a clip that are scored, its last ones: two, for the change between them."""

MOST_CLIPS = 16
"""A validation takes seconds."""

SCORE = "pu4000"
"""The score by which the best weights are chosen."""

_SEED = 2021  # of the validation clips, the same in every training, so that scores can be compared


@dataclass(frozen=True, slots=True)
class Validated:
    """Scores of a validation, and its clips with what was made of them.

    Attributes:
        scores: mean over the clips of each measure that the protocol defines.
        clips: what was validated on.
        predictions: (SCORED, 3, H, W) cd/m² for each clip.
    """

    scores: dict[str, float]
    clips: Sequence[Clip]
    predictions: Sequence[Tensor]


def validation_clips(scenes: Sequence[Scene]) -> list[Clip]:
    """A short clip of each scene, at most `MOST_CLIPS`, always the same."""
    clips = [random_clip(scene, FRAMES, None, np.random.default_rng([_SEED, i])) for i, scene in enumerate(scenes)]
    return [Clip(c.signal[-SCORED:], c.light[-SCORED:], c.frame, c.time) for c in clips[:MOST_CLIPS]]


def validate(
    network: ExpandNet | None, target: Parametrisation, clips: Sequence[Clip], dtype: torch.dtype
) -> Validated:
    """Scores weights, or with None the analytic picture.

    Args:
        network: on its device, for evaluation.
        target: what its output means.
        clips: to predict.
        dtype: of the convolutions.
    """
    predictions = [_analytic(clip) if network is None else _predicted(network, target, clip, dtype) for clip in clips]
    rows = [scores(prediction, clip.light) for prediction, clip in zip(predictions, clips, strict=True)]
    names = rows[0].keys()
    means = {name: float(np.nanmean([row[name] for row in rows])) for name in names}
    return Validated(means, clips, predictions)


def _analytic(clip: Clip) -> Tensor:
    return REFERENCE_WHITE * bt1886_eotf(clip.signal)


@torch.inference_mode()
def _predicted(network: ExpandNet, target: Parametrisation, clip: Clip, dtype: torch.dtype) -> Tensor:
    """Light of a clip, cd/m², frame by frame: the memory of one."""
    device = next(network.parameters()).device
    frames = []
    for picture in clip.signal:
        signal = picture[None].to(device)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            held = F.pad(signal, (HALO,) * 4, mode="replicate")
            logits = network.expand(held, network.global_features(signal))[..., HALO:-HALO, HALO:-HALO]
        frames.append(light(logits.float(), signal, target).cpu())
    predicted = torch.cat(frames)
    return predicted if target is Parametrisation.ABSOLUTE else _scaled(predicted, clip.light)


def _scaled(predicted: Tensor, truth: Tensor) -> Tensor:
    """Relative light with the one scale that fits the unclipped truth, as the protocol's --fit does."""
    usable = (truth < 0.6) & (truth > 0.02) & (predicted > 1e-6)
    if not usable.any():
        return REFERENCE_WHITE * predicted
    scale = (truth[usable].log() - predicted[usable].log()).median().exp()
    return REFERENCE_WHITE * scale * predicted


def scores(prediction: Tensor, truth: Tensor) -> dict[str, float]:
    """The protocol's measures that two frames can give.

    Args:
        prediction: (N, 3, H, W), cd/m².
        truth: (N, 3, H, W), 1 = SDR reference white.

    Returns:
        PU21-PSNR, dB, of a display of 1000 and of 4000 cd/m², for the latter also inside and outside the
        clipped areas (NaN where there are none); flicker, PU21 units.
    """
    expected = REFERENCE_WHITE * truth
    result = {"pu1000": pu21_psnr(float(_error(prediction, expected, 1000.0).square().mean()))}
    error = _error(prediction, expected, 4000.0)
    clipped = (truth.amax(1, keepdim=True) >= 1).expand_as(error)
    result["pu4000"] = pu21_psnr(float(error.square().mean()))
    areas = {"pu_clipped": clipped, "pu_rest": ~clipped}
    result |= {name: pu21_psnr(float(error[area].square().mean())) for name, area in areas.items()}
    result["flicker"] = float((error[1:] - error[:-1]).abs().mean())
    return result


def _error(prediction: Tensor, expected: Tensor, peak: float) -> Tensor:
    return pu21(prediction.clamp_max(peak)) - pu21(expected.clamp_max(peak))

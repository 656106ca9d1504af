"""How good weights are, on short clips of scenes that they do not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.luminance import luminance
from ..colour.pu21 import BRIGHT, DIM, pu21, pu21_psnr
from ..colour.transfer import bt1886_eotf
from ..network.architectures import Network
from ..network.output import REFERENCE_WHITE, Parametrisation, light
from .samples import random_clip
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
class ValidationClip:
    """The scored frames of a clip.

    Attributes:
        signal: (SCORED, 3, H, W), R′G′B′ in [0, 1], after the encoder.
        light: (SCORED, 3, H, W), 1 = SDR reference white.
    """

    signal: Tensor
    light: Tensor


@dataclass(frozen=True, slots=True)
class Validated:
    """Scores of a validation, and its clips with what was made of them.

    Attributes:
        scores: mean over the clips of each measure that the protocol defines.
        clips: what was validated on.
        predictions: (SCORED, 3, H, W) cd/m² for each clip.
    """

    scores: dict[str, float]
    clips: Sequence[ValidationClip]
    predictions: Sequence[Tensor]


def validation_clips(scenes: Sequence[Scene]) -> list[ValidationClip]:
    """A short clip of each scene, or of `MOST_CLIPS` spread among them, always the same."""
    spread = scenes[:: -(-len(scenes) // MOST_CLIPS)]
    return [_validation_clip(scene, number) for number, scene in enumerate(spread)]


def _validation_clip(scene: Scene, number: int) -> ValidationClip:
    clip = random_clip(scene, FRAMES, None, np.random.default_rng([_SEED, number]))
    last = slice(-SCORED, None)
    return ValidationClip(clip.signal[last].clone(), clip.light[last].clone())  # lets go of the other frames


def validate(
    network: Network | None, target: Parametrisation, clips: Sequence[ValidationClip], dtype: torch.dtype
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
    return Validated({name: _mean([row[name] for row in rows]) for name in rows[0]}, clips, predictions)


def _mean(values: Sequence[float]) -> float:
    """Of those that are numbers; NaN where none is."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _analytic(clip: ValidationClip) -> Tensor:
    return REFERENCE_WHITE * bt1886_eotf(clip.signal)


@torch.inference_mode()
def _predicted(network: Network, target: Parametrisation, clip: ValidationClip, dtype: torch.dtype) -> Tensor:
    """Light of a clip, cd/m², frame by frame: the memory of one."""
    device = next(network.parameters()).device
    frames = []
    for picture in clip.signal:
        signal = picture[None].to(device)
        held, code = F.pad(signal, (network.halo,) * 4, mode="replicate"), network.global_features(signal)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            logits = network.expand(held, code, padded=False)
        frames.append(light(logits.float(), signal, target).cpu())
    predicted = torch.cat(frames)
    return predicted if target is Parametrisation.ABSOLUTE else _scaled(predicted, clip.light)


def _scaled(predicted: Tensor, truth: Tensor) -> Tensor:
    """Relative light with the one scale that fits the unclipped truth, as the protocol's --fit does."""
    true_luminance, luminances = (luminance(light, Primaries.BT709) for light in (truth, predicted))
    usable = (truth.amax(1, keepdim=True) < 0.6) & (true_luminance > 0.02) & (luminances > 1e-6)
    if not usable.any():
        return REFERENCE_WHITE * predicted
    scale = (true_luminance[usable].log() - luminances[usable].log()).median().exp()
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
    result = {"pu1000": pu21_psnr(float(_error(prediction, expected, DIM).square().mean()))}
    error = _error(prediction, expected, BRIGHT)
    clipped = (truth.amax(1, keepdim=True) >= 1).expand_as(error)
    result["pu4000"] = pu21_psnr(float(error.square().mean()))
    areas = {"pu_clipped": clipped, "pu_rest": ~clipped}
    result |= {name: pu21_psnr(float(error[area].square().mean())) for name, area in areas.items()}
    result["flicker"] = float((error[1:] - error[:-1]).abs().mean())
    return result


def _error(prediction: Tensor, expected: Tensor, peak: float) -> Tensor:
    return pu21(prediction.clamp_max(peak)) - pu21(expected.clamp_max(peak))

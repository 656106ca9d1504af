"""Pictures of a validation, for the eye: what went in, what came out, what is true."""

from pathlib import Path

import torch
from torch import Tensor

from ..codecs.images import write_png
from ..colour.transfer import bt1886_inverse_eotf
from ..errors import output_error
from ..network.output import REFERENCE_WHITE
from .validation import Validated

EXPOSURES = (0, -2, -4)
"""Stops; each shows another range of the highlights."""


def exposed(light: Tensor, stops: float) -> Tensor:
    """8-bit SDR picture (3, H, W) of light, cd/m²: reference white, made brighter by `stops`, is its white."""
    shown = bt1886_inverse_eotf(light / REFERENCE_WHITE * 2.0**stops)
    return (shown.clamp(0, 1) * 255).round().byte()


def picture(signal: Tensor, prediction: Tensor, truth: Tensor) -> Tensor:
    """A sheet: SDR; then prediction above truth at each exposure.

    Args:
        signal: (3, H, W), R′G′B′.
        prediction: (3, H, W), cd/m².
        truth: (3, H, W), cd/m².

    Returns:
        (3, 2·H, 4·W), uint8.
    """
    sdr = (signal * 255).round().byte()
    columns = [torch.cat([exposed(light, stops) for light in (prediction, truth)], dim=1) for stops in EXPOSURES]
    return torch.cat([torch.cat([sdr, torch.zeros_like(sdr)], dim=1), *columns], dim=2)


def write_pictures(folder: Path, step: int, validated: Validated) -> None:
    """Writes a PNG of the last frame of each validation clip: step_clip.png.

    Raises:
        OutputError: they can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    for i, (clip, prediction) in enumerate(zip(validated.clips, validated.predictions, strict=True)):
        truth = REFERENCE_WHITE * clip.light[-1]
        write_png(folder / f"{step:06d}_{i:02d}.png", picture(clip.signal[-1], prediction[-1], truth))

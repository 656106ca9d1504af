"""Maps from SDR to HDR that know nothing but the code value: what a network has to beat."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tsexpand.codecs.decode import VideoSource
from tsexpand.colour.codes import Matrix
from tsexpand.colour.ycbcr import rgb_to_ycbcr, ycbcr_to_rgb
from tsexpand.engines.display import display_signal
from tsexpand.network.output import REFERENCE_WHITE


def inverse_eotf_22(signal: Tensor) -> Tensor:
    """Light, 1 = reference white, of R′G′B′ (N, 3, H, W) on a display of exponent 2.2."""
    return signal**2.2


def bt2446_a(signal: Tensor) -> Tensor:
    """Light, 1 = reference white, by the inverse of tone mapping method A for a display of 1000 cd/m².

    Reference:
        Report ITU-R BT.2446-1, section 4.3 (on BT.709 primaries instead of BT.2020, as a matrix
        first and back after would change little).
    """
    luma, *chroma = rgb_to_ycbcr(signal, Matrix.BT709)
    code = 255 * luma
    low = 1.8712e-5 * code**2 - 2.7334e-3 * code + 1.3141
    high = 2.8305e-6 * code**2 - 7.4622e-4 * code + 1.2528
    expanded = code ** torch.where(code <= 70, low, high)
    scale = torch.where(code > 0, 1.075 * expanded / code.clamp_min(1e-6), 1.0) * 255
    shown = ycbcr_to_rgb((expanded, *(scale * plane for plane in chroma)), Matrix.BT709) / 1000
    return shown.clamp(0, 1) ** 2.4 * 1000 / REFERENCE_WHITE


MAPS: dict[str, Callable[[Tensor], Tensor]] = {"inverse EOTF 2.2": inverse_eotf_22, "BT.2446-A": bt2446_a}


def predict_by_map(clip: Path, to_light: Callable[[Tensor], Tensor]) -> Tensor:
    """Light of a clip, (N, 3, H, W), 1 = reference white."""
    with VideoSource(str(clip)) as source:
        batches = source.batches(8)
        return torch.cat([to_light(display_signal(batch, torch.device("cpu"))) for batch in batches])

"""Maps from SDR to HDR that know nothing but the code value: what a network has to beat."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tsexpand.codecs.decode import VideoSource
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
    weights = signal.new_tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)
    luma = (weights * signal).sum(1, keepdim=True)
    blue, red = (signal[:, 2:] - luma) / 1.8556, (signal[:, :1] - luma) / 1.5748
    code = 255 * luma
    low = 1.8712e-5 * code**2 - 2.7334e-3 * code + 1.3141
    high = 2.8305e-6 * code**2 - 7.4622e-4 * code + 1.2528
    expanded = code ** torch.where(code <= 70, low, high)
    scale = torch.where(code > 0, 1.075 * expanded / code.clamp_min(1e-6), torch.ones_like(code)) * 255
    blue, red = blue * scale, red * scale
    r, b = expanded + 1.5748 * red, expanded + 1.8556 * blue
    g = (expanded - weights[:, :1] * r - weights[:, 2:] * b) / weights[:, 1:2]
    return (torch.cat((r, g, b), 1) / 1000).clamp(0, 1) ** 2.4 * 1000 / REFERENCE_WHITE


MAPS: dict[str, Callable[[Tensor], Tensor]] = {"inverse EOTF 2.2": inverse_eotf_22, "BT.2446-A": bt2446_a}


def predict_by_map(clip: Path, to_light: Callable[[Tensor], Tensor]) -> Tensor:
    """Light of a clip, (N, 3, H, W), 1 = reference white."""
    with VideoSource(str(clip)) as source:
        batches = source.batches(8)
        return torch.cat([to_light(display_signal(batch, torch.device("cpu"))) for batch in batches])

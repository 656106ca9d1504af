"""What a display shows of decoded pictures."""

from torch import Tensor

from ..constants import constant
from .codes import Transfer
from .luminance import luminance_weights
from .signal import SignalFormat
from .transfer import SDR_EOTF, hlg_eotf, pq_eotf
from .ycbcr import Planes, dequantise, upsample_chroma, ycbcr_to_rgb


def shown_signal(planes: Planes, signal: SignalFormat, factors: tuple[int, int] | None = None) -> Tensor:
    """R′G′B′ (N, 3, H, W) of code values, clipped to what can be shown: [0, 1]; factors: see `upsample_chroma`."""
    upsampled = upsample_chroma(dequantise(planes, signal), signal.chroma_location, factors)
    return ycbcr_to_rgb(upsampled, signal.matrix).clamp(0, 1)


def shown_light(planes: Planes, signal: SignalFormat, reference_white: float) -> Tensor:
    """Light of code values, SDR or HDR: (N, 3, H, W), float32, cd/m², in the signal's own primaries.

    Args:
        planes: code values, (N, h, w) each.
        signal: what they mean.
        reference_white: luminance of SDR signal 1.0, cd/m².

    Reference:
        Rec. ITU-R BT.1886; BT.2100 for PQ and for HLG at 1000 cd/m².
    """
    shown = shown_signal(planes, signal)
    if signal.transfer is Transfer.PQ:
        return pq_eotf(shown)
    if signal.transfer is Transfer.HLG:
        return hlg_eotf(shown, constant(shown, luminance_weights, signal.primaries))
    return SDR_EOTF[signal.transfer](shown) * reference_white

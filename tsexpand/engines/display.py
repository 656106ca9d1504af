"""What an SDR display shows: the part that all engines share."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..colour.codes import Transfer
from ..colour.transfer import SDR_EOTF, bt1886_eotf, bt1886_inverse_eotf
from ..colour.ycbcr import dequantise, upsample_chroma, ycbcr_to_rgb
from ..cores import filled
from ..frames import SignalBatch

THUMBNAIL_SIZE = 32


def display_signal(batch: SignalBatch, device: torch.device) -> Tensor:
    """R′G′B′ as a BT.1886 display takes it, so that one network serves every SDR transfer.

    A signal meant for another display (sRGB, say) is re-expressed: same light, other code.

    Args:
        batch: SDR pictures; their transfer must be in `SDR_EOTF`.
        device: where to work; the planes cross over as they are.

    Returns:
        (N, 3, H, W), float32, in [0, 1]; what the signal carries beyond white or black is clipped.
    """
    fmt = batch.signal
    planes = dequantise(tuple(plane.to(device) for plane in batch.planes), fmt)
    rgb = ycbcr_to_rgb(upsample_chroma(planes, fmt.chroma_location), fmt.matrix).clamp(0, 1)
    return _as_bt1886(rgb, fmt.transfer)


def _as_bt1886(signal: Tensor, transfer: Transfer) -> Tensor:
    eotf = SDR_EOTF[transfer]
    if eotf is bt1886_eotf:
        return signal
    return filled(signal, lambda part: bt1886_inverse_eotf(eotf(part)), signal)


def portions(batch: SignalBatch, size: int) -> Iterator[SignalBatch]:
    """The pictures of a batch in portions of at most so many, without packets."""
    for first in range(0, len(batch), size):
        part = slice(first, min(first + size, len(batch)))
        yield SignalBatch(tuple(plane[part] for plane in batch.planes), batch.signal, batch.timings[part])


def thumbnails(signal: Tensor) -> Tensor:
    """Area averages of R′G′B′, on which cuts are found: (N, 3, H, W) to (N, 3, 32, 32)."""
    return F.adaptive_avg_pool2d(signal, THUMBNAIL_SIZE)

"""What an SDR display shows: the part that all engines share."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from ..colour.shown import shown_signal
from ..colour.transfer import SDR_EOTF, bt1886_eotf, bt1886_inverse_eotf
from ..colour.ycbcr import chroma_factors
from ..cores import by_strips
from ..frames import SignalBatch
from ..replay import replayed

THUMBNAIL_SIZE = 32

_AROUND = 4
"""Rows that chroma comes from, beside those of a strip: of the coarsest, a quarter of luma's, one."""


def display_signal(batch: SignalBatch, device: torch.device) -> Tensor:
    """R′G′B′ as a BT.1886 display takes it, so that one network serves every SDR transfer.

    A signal meant for another display (sRGB, say) is re-expressed: same light, other code.

    Args:
        batch: SDR pictures; their transfer must be in `SDR_EOTF`.
        device: where to work; the planes cross over as they are.

    Returns:
        (N, 3, H, W), float32, in [0, 1]; what the signal carries beyond white or black is clipped.
    """
    fmt = batch.signal  # what is recorded keeps what it looks at, and is not to keep the batch

    def displayed(*planes: Tensor) -> tuple[Tensor, ...]:
        factors = chroma_factors(planes)
        eotf = SDR_EOTF[fmt.transfer]

        def shown(rows: slice) -> Tensor:
            part = tuple(_rows(plane, rows, factors[0] if number else 1) for number, plane in enumerate(planes))
            rgb = shown_signal(part, fmt, factors)
            if eotf is bt1886_eotf:
                return rgb
            # One by one: what is left over of a vector is rounded otherwise, and that is to be the same in any batch.
            return torch.cat([bt1886_inverse_eotf(eotf(picture)) for picture in torch.split(rgb, 1)])

        return (by_strips(shown, planes[0].unsqueeze(1), 3, _AROUND),)

    (signal,) = replayed(("displayed", fmt), displayed, *(plane.to(device) for plane in batch.planes))
    return signal


def _rows(plane: Tensor, rows: slice, factor: int) -> Tensor:
    """Of a plane, those that some rows of luma begin and end with; `factor` of luma lie in one of it."""
    return plane[:, rows.start // factor : -(-rows.stop // factor)]


def portions(batch: SignalBatch, size: int) -> Iterator[SignalBatch]:
    """The pictures of a batch in portions of at most so many, without packets."""
    for first in range(0, len(batch), size):
        part = slice(first, min(first + size, len(batch)))
        yield SignalBatch(tuple(plane[part] for plane in batch.planes), batch.signal, batch.timings[part])


def thumbnails(signal: Tensor) -> Tensor:
    """Area averages of R′G′B′, on which cuts are found: (N, 3, H, W) to (N, 3, 32, 32)."""
    return F.adaptive_avg_pool2d(signal, THUMBNAIL_SIZE)

"""Opacity of a picture, and colours that are not multiplied by it."""

import av
import torch
from torch import Tensor

from ...colour.ycbcr import Planes
from ..pixels import opacity_of
from .facts import Opacity

LOST = "Transparency is not kept."

_OPAQUE = 1 - 1 / 510
"""What 8 bits would round to opaque: converted to 16 bits by FFmpeg, 255 is 65532."""


def stated_opacity(frame: av.VideoFrame, opacity: Opacity) -> tuple[Tensor | None, tuple[str, ...]]:
    """What of a decoded picture is opacity, and what is lost.

    Args:
        frame: as it was decoded.
        opacity: what its file says of a channel beside the colours.

    Returns:
        (1, H, W), float32 in [0, 1], or None where there is none; and notices.
    """
    alpha = opacity_of(frame)
    if alpha is None or opacity is not Opacity.NONE:
        return alpha, ()
    lost = () if is_opaque(alpha) else ("Its last channel, which is not said to be opacity, is not kept.",)
    return None, lost


def is_opaque(alpha: Tensor | None) -> bool:
    """Whether nothing is transparent."""
    return alpha is None or bool((alpha >= _OPAQUE).all())


def straight(planes: Planes, alpha: Tensor, bit_depth: int) -> Planes:
    """Codes that were multiplied by opacity, as they were before; where nothing is opaque they stay.

    Args:
        planes: (R′, G′, B′) or (Y′,), full range: (N, H, W) each.
        alpha: (N, H, W), in [0, 1].
        bit_depth: of the codes.

    Reference:
        TIFF revision 6.0, section 18: codes are multiplied, not light.
    """
    peak = (1 << bit_depth) - 1
    divisor = torch.where(alpha > 0, alpha, 1.0)
    return tuple((plane.float() / divisor).round_().clamp_(0, peak).to(plane.dtype) for plane in planes)

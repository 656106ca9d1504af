"""What encoders do to pictures: through one and back, as real footage went."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import torch
from torch import Tensor

from ..colour.ycbcr import Planes
from .pixels import frame_from_planes, planes_from_frames

_SUBSAMPLED = {(2, 2): "420p", (1, 2): "422p", (1, 1): "444p"}
"""Names of pixel formats, by how many rows and columns of luma there are to one of chroma."""

_BLOCK = 16
"""Of luma."""


def round_trip(planes: Planes, encoder: str, options: Mapping[str, str]) -> Planes:
    """Codes consecutive pictures of a clip and decodes them.

    Args:
        planes: Y′ (N, H, W), H and W even; Cb and Cr of the same size (4:4:4), half the width (4:2:2), or half of both
            (4:2:0); uint8.
        encoder: FFmpeg's name, such as libx264, mpeg2video or mjpeg.
        options: of the encoder, such as crf, preset or q (the quantiser of mpeg2video and mjpeg).

    Returns:
        Planes of the same shapes, pictures in the same order.
    """
    sizes = [plane.shape[-2:] for plane in planes]
    rows, columns = (luma // chroma for luma, chroma in zip(sizes[0], sizes[1], strict=True))
    chroma_block = _BLOCK // rows, _BLOCK // columns
    planes = tuple(_whole_blocks(plane, chroma_block if i else (_BLOCK, _BLOCK)) for i, plane in enumerate(planes))
    context = _encoder(encoder, planes[0].shape[-2:], _SUBSAMPLED[rows, columns], dict(options))
    packets: list[av.Packet[Any]] = []
    for i in range(planes[0].shape[0]):
        frame = frame_from_planes(tuple(plane[i] for plane in planes), cast(str, context.pix_fmt))
        frame.pts, frame.time_base = i, context.time_base
        packets += context.encode(frame)
    packets += context.encode(None)
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(context.codec.canonical_name, "r"))
    decoder.thread_count = 1
    decoder.extradata = context.extradata
    decoded = planes_from_frames([frame for packet in [*packets, None] for frame in decoder.decode(packet)])
    return tuple(plane[:, :height, :width] for plane, (height, width) in zip(decoded, sizes, strict=True))


def _whole_blocks(plane: Tensor, block: tuple[int, int]) -> Tensor:
    """Repeats the last row and column up to whole blocks: FFmpeg's own encoders read there what no one wrote."""
    height, width = plane.shape[-2:]
    rows = torch.arange(height + -height % block[0]).clamp_max(height - 1)
    columns = torch.arange(width + -width % block[1]).clamp_max(width - 1)
    return plane[:, rows][:, :, columns]


def _encoder(name: str, size: Sequence[int], subsampled: str, options: dict[str, str]) -> av.VideoCodecContext:
    context = cast(av.VideoCodecContext, av.CodecContext.create(name, "w"))
    context.height, context.width = size
    # Of full range, MJPEG's encoder knows no other; the codes stay what they are.
    context.pix_fmt = ("yuvj" if name == "mjpeg" else "yuv") + subsampled
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
    context.thread_count = 1
    if "q" in options:
        context.qmin = context.qmax = int(options.pop("q"))
        context.flags |= av.codec.context.Flags.qscale
        context.global_quality = context.qmin * 118  # FF_QP2LAMBDA
    context.options = options
    return context


def yuv420_of_swscale(rgb: Tensor) -> Planes:
    """4:2:0 as FFmpeg's own converter makes it of R′G′B′ by default: chroma averaged, a little off its place.

    Args:
        rgb: (N, 3, H, W), uint8; H and W even.

    Returns:
        BT.709 codes of limited range, (N, H, W), (N, H/2, W/2), (N, H/2, W/2), uint8.
    """
    frames = []
    for picture in rgb.permute(0, 2, 3, 1).contiguous().numpy():
        frame = av.VideoFrame.from_ndarray(cast(np.ndarray[Any, Any], picture), "rgb24")
        frames.append(frame.reformat(format="yuv420p", src_colorspace=1, dst_colorspace=1, dst_color_range=1))
    return planes_from_frames(frames)

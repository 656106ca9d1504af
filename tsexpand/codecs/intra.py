"""H.264 damage: pictures through an encoder and back, as real footage went through one."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av

from ..colour.ycbcr import Planes
from .pixels import frame_from_planes, planes_from_frames


def h264_round_trip(planes: Planes, crf: int) -> Planes:
    """Codes 4:2:0 pictures with libx264, each on its own, and decodes them.

    Args:
        planes: (N, H, W), (N, H/2, W/2), (N, H/2, W/2), uint8; H and W even.
        crf: constant rate factor, 0 (lossless) to 51.

    Returns:
        Planes of the same shapes.
    """
    height, width = planes[0].shape[-2:]
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "tune": "zerolatency", "g": "1"}
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoded: list[av.VideoFrame] = []
    for i in range(planes[0].shape[0]):
        frame = frame_from_planes(tuple(plane[i] for plane in planes), "yuv420p")
        frame.pts = i
        decoded += _decode(decoder, encoder.encode(frame))
    decoded += _decode(decoder, encoder.encode(None))
    decoded += decoder.decode(None)
    return planes_from_frames(decoded)


def _decode(decoder: av.VideoCodecContext, packets: Sequence["av.Packet[Any]"]) -> list[av.VideoFrame]:
    return [frame for packet in packets for frame in decoder.decode(packet)]

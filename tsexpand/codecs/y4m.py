"""YUV4MPEG2, the stream of raw pictures that encoders and players take from a pipe.

Reference:
    mjpegtools, yuv4mpeg(5); the tags of more than 8 bits and of the range are FFmpeg's.
"""

from fractions import Fraction

from ..colour.ycbcr import Planes
from ..frames import VideoInfo

FALLBACK_RATE = Fraction(25)
"""Where the frame rate is unknown."""

FRAME = b"FRAME\n"
"""What comes before each picture."""


def stream_header(info: VideoInfo) -> bytes:
    """What comes before the pictures: 10-bit 4:2:0, limited range, of the clip's size, rate and pixel aspect."""
    rate, aspect = info.frame_rate or FALLBACK_RATE, info.sample_aspect_ratio
    size = f"W{info.width} H{info.height} F{rate.numerator}:{rate.denominator}"
    shape = f"Ip A{aspect.numerator}:{aspect.denominator}"
    return f"YUV4MPEG2 {size} {shape} C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED\n".encode()


def planes_bytes(planes: Planes) -> bytes:
    """A picture: (h, w) and twice (⌈h/2⌉, ⌈w/2⌉), uint16 codes on the CPU."""
    return b"".join(plane.numpy().astype("<u2", copy=False).tobytes() for plane in planes)

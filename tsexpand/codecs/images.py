"""Still pictures: Radiance .hdr in, PNG out."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, output_error
from .exr import HALF_MAX, read_exr, read_exr_as_stored

LIGHT_SUFFIXES = (".exr", ".hdr")
"""Pictures of linear light; everything else is for FFmpeg."""


def read_radiance(path: Path) -> Tensor:
    """Reads a Radiance .hdr picture.

    Returns:
        (3, H, W) float32, finite linear light, of the picture's own scale.

    Raises:
        InputError: it can't be read, or is not of linear light.
    """
    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
    except (OSError, av.FFmpegError, StopIteration, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable Radiance picture ({type(error).__name__})") from error
    if frame.format.name != "gbrpf32le":
        raise InputError(f"{path}: not a Radiance picture of linear light")
    rows = [np.frombuffer(plane, np.float32).reshape(plane.height, -1) for plane in frame.planes]  # type: ignore[call-overload]
    green, blue, red = (row[:, : frame.width] for row in rows)
    return torch.nan_to_num(torch.from_numpy(np.stack([red, green, blue])), nan=0.0, posinf=HALF_MAX, neginf=0.0)


def read_light(path: Path) -> Tensor:
    """Reads an .exr or Radiance .hdr picture: (3, H, W) float32, finite.

    Raises:
        InputError: it can't be read, or is neither.
    """
    return _reader(path, read_exr)(path)


def read_light_as_stored(path: Path) -> Tensor:
    """Likewise, with what is not finite left as it is, for whoever counts it (Radiance can't store such)."""
    return _reader(path, read_exr_as_stored)(path)


def _reader(path: Path, exr: Callable[[Path], Tensor]) -> Callable[[Path], Tensor]:
    readers = dict(zip(LIGHT_SUFFIXES, (exr, read_radiance), strict=True))
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: neither .exr nor .hdr")
    return readers[path.suffix.lower()]


def write_png(path: Path, picture: Tensor) -> None:
    """Writes an 8-bit PNG.

    Args:
        path: of the file, replaced if it exists.
        picture: (3, H, W), uint8.

    Raises:
        OutputError: it can't be written.
    """
    try:
        path.write_bytes(png(picture))
    except OSError as error:
        raise output_error(path, error) from error


def png(picture: Tensor) -> bytes:
    """An 8-bit PNG of a picture (3, H, W), uint8."""
    context = av.CodecContext.create("png", "w")
    context.height, context.width = picture.shape[-2:]
    context.pix_fmt, context.time_base = "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(picture.permute(1, 2, 0).contiguous().numpy(), "rgb24")
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])

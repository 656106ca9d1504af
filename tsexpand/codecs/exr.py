"""OpenEXR pictures: linear light, half float.

OpenEXR 3.5 writes wrong pixels from arrays that are not C-contiguous, and adds to the header it
is given; both are dealt with here.
"""

from collections.abc import Mapping
from enum import Enum
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import OpenEXR
import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.primaries import ACES_AP0, ACES_AP1, CHROMATICITIES, Chromaticities
from ..errors import InputError, output_error_from_text
from .time_code import TimeCode

HALF_MAX = 65504.0


class Compression(Enum):
    """Compression of the pixels; all but DWAA are lossless."""

    PIZ = "piz"
    ZIP = "zip"
    ZIPS = "zips"
    DWAA = "dwaa"
    NONE = "none"


class ExrPrimaries(Enum):
    """Primaries of the pictures we write, by their short names."""

    BT709 = "709"
    BT2020 = "2020"
    P3 = "p3"
    ACESCG = "acescg"
    ACES = "aces"

    @property
    def chromaticities(self) -> Chromaticities:
        """Where they and their white lie: D65, but ACES's own for the last two."""
        return _CHROMATICITIES[self]


_CHROMATICITIES = {
    ExrPrimaries.BT709: CHROMATICITIES[Primaries.BT709],
    ExrPrimaries.BT2020: CHROMATICITIES[Primaries.BT2020],
    ExrPrimaries.P3: CHROMATICITIES[Primaries.SMPTE432],
    ExrPrimaries.ACESCG: ACES_AP1,
    ExrPrimaries.ACES: ACES_AP0,
}

_OPENEXR_COMPRESSION = {
    Compression.PIZ: OpenEXR.PIZ_COMPRESSION,
    Compression.ZIP: OpenEXR.ZIP_COMPRESSION,
    Compression.ZIPS: OpenEXR.ZIPS_COMPRESSION,
    Compression.DWAA: OpenEXR.DWAA_COMPRESSION,
    Compression.NONE: OpenEXR.NO_COMPRESSION,
}

TIME_CODE_MAX_RATE = 30
"""Frames a second that a time code can number (SMPTE ST 12-1: frames 0 to 29)."""

Attributes = Mapping[str, object]


_MAGIC = b"\x76\x2f\x31\x01"


def _refuse_others(path: Path) -> None:
    """Says of what is no EXR file that it is none; the library would say that it can't open it."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MAGIC))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    if begins != _MAGIC:
        raise InputError(f"{path}: not an EXR file")


def read_exr(path: Path) -> Tensor:
    """Reads the R, G, B of a picture; a single Y is taken for all three.

    Returns:
        (3, H, W) float32, finite, otherwise as stored (negative values kept).

    Raises:
        InputError: it can't be opened, or holds no colour.
    """
    return torch.nan_to_num(read_exr_as_stored(path), nan=0.0, posinf=HALF_MAX, neginf=-HALF_MAX)


def read_exr_as_stored(path: Path) -> Tensor:
    """Likewise, with what is not finite left as it is, for whoever counts it."""
    _refuse_others(path)
    try:
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        names = "RGB" if all(c in channels for c in "RGB") else "YYY"
        planes = [np.ascontiguousarray(channels[c].pixels, dtype=np.float32) for c in names]
    except KeyError:
        raise InputError(f"{path}: no R, G, B or Y channel") from None
    except Exception as error:  # OpenEXR raises bare RuntimeError and others for any bad file
        raise InputError(f"{path}: not a readable EXR picture ({error})") from error
    return torch.from_numpy(np.stack(planes))


def read_exr_text(path: Path, attribute: str) -> str | None:
    """A text of the header, without reading the pixels; None where there is none of that name.

    Raises:
        InputError: the file can't be read.
    """
    try:
        value = OpenEXR.File(str(path), header_only=True).header().get(attribute)
    except Exception as error:  # as above
        raise InputError(f"{path}: not a readable EXR picture ({error})") from error
    return value if isinstance(value, str) else None


def read_exr_colour(path: Path) -> tuple[float | None, Chromaticities | None]:
    """The luminance of RGB 1.0 in cd/m², and the primaries, as far as the header states them.

    Raises:
        InputError: the file can't be read.

    Reference:
        OpenEXR, "Standard Attributes": whiteLuminance, chromaticities.
    """
    try:
        header = OpenEXR.File(str(path), header_only=True).header()
    except Exception as error:  # as above
        raise InputError(f"{path}: not a readable EXR picture ({error})") from error
    white, stated = header.get("whiteLuminance"), header.get("chromaticities")
    if stated is None:
        return white, None
    return white, Chromaticities(*((stated[i], stated[i + 1]) for i in range(0, 8, 2)))


def finite_half(light: Tensor) -> Tensor:
    """Rounds to half float, NaN to 0 and beyond the range of half to its ends."""
    finite = torch.nan_to_num(light, nan=0.0, posinf=HALF_MAX, neginf=-HALF_MAX)
    return finite.clamp(-HALF_MAX, HALF_MAX).half()


def exr_attributes(
    frame_rate: Fraction | None,
    pixel_aspect_ratio: Fraction,
    white_luminance: float,
    seconds: Fraction,
    texts: Mapping[str, str],
    start: str | None = None,
    primaries: ExrPrimaries = ExrPrimaries.BT709,
) -> Attributes:
    """Header attributes of a picture of linear light.

    Args:
        frame_rate: of the clip; absent or above `TIME_CODE_MAX_RATE`, there is no time code either.
        pixel_aspect_ratio: width to height of a pixel.
        white_luminance: cd/m² of RGB 1.0.
        seconds: from the picture that has the time code `start`, for this one's.
        texts: further attributes.
        start: time code of second 0; where absent or not readable, all zero.
        primaries: of R, G, B.

    Reference:
        OpenEXR, "Standard Attributes"; SMPTE ST 12-1 for the time code.
    """
    space = primaries.chromaticities
    attributes: dict[str, object] = {
        "chromaticities": (*space.red, *space.green, *space.blue, *space.white),
        "whiteLuminance": float(white_luminance),
        "pixelAspectRatio": float(pixel_aspect_ratio),
        **texts,
    }
    if frame_rate:
        attributes["framesPerSecond"] = frame_rate
        if frame_rate <= TIME_CODE_MAX_RATE:
            attributes["timeCode"] = _time_code(seconds, frame_rate, start)
    return attributes


def _time_code(seconds: Fraction, frame_rate: Fraction, start: str | None) -> OpenEXR.TimeCode:
    """Time code of the frame shown at that time, counted at the rate rounded up."""
    first = (TimeCode.parse(start, frame_rate) if start else None) or TimeCode(0, ceil(frame_rate))
    code = first.later(max(0, round(seconds * frame_rate)))
    return OpenEXR.TimeCode(*code.fields, int(code.is_drop), *[0] * 13)


def aces_container(primaries: ExrPrimaries, compression: Compression) -> Attributes:
    """The flag by which a file says that it is an ACES image container, where it is one: all ours are of half floats.

    Reference:
        SMPTE ST 2065-4:2013: AP0 primaries, channels B, G, R and where there is one A, half float, not compressed.
    """
    is_one = primaries is ExrPrimaries.ACES and compression is Compression.NONE
    return {"acesImageContainerFlag": 1} if is_one else {}


def write_exr(path: Path, picture: Tensor, attributes: Attributes, compression: Compression) -> None:
    """Writes one picture under its name, which the caller keeps temporary until it is whole.

    Args:
        path: of the file.
        picture: (3 or 4, H, W), half, on the CPU; R, G, B, A.
        attributes: header attributes beside the required ones.
        compression: of the pixels.

    Raises:
        OutputError: the file can't be written.
    """
    if picture.dtype is not torch.float16:
        raise ValueError(f"EXR pictures are half float, not {picture.dtype}")
    planes = np.ascontiguousarray(picture.numpy())
    header = {"compression": _OPENEXR_COMPRESSION[compression], "type": OpenEXR.scanlineimage, **attributes}
    try:
        OpenEXR.File(header, dict(zip("RGBA", planes, strict=False))).write(str(path))
    except (RuntimeError, OSError, UnicodeError) as error:  # UnicodeError: a path that is not UTF-8
        raise output_error_from_text(path, str(error).replace(str(path), "").strip()) from error

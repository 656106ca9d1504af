"""TIFF files: their first directory.

Reference:
    TIFF revision 6.0, section 18 for opacity, 21 for Y′CbCr; ICC.1:2022, B.3 for the profile.
"""

from fractions import Fraction

from .directory import Directory, exif_notices, fits, orientation_in, read_directory
from .facts import Opacity, Refused, StillFacts
from .pixel_shape import pixel_aspect

_SUBFILE, _PHOTOMETRIC, _EXTRA, _BLACK_WHITE, _ICC, _DNG = 254, 262, 338, 532, 34675, 50706
_ACROSS, _DOWN = 282, 283
_BLOCKS = ((273, 279), (324, 325))  # offsets and sizes of strips, of tiles

_MOST_PROFILE = 1 << 22
"""Bytes of a profile that is read."""

_WHITE_IS_ZERO, _YCBCR = 0, 6
_READ = {_WHITE_IS_ZERO: "white is zero", 1: "black is zero", 2: "RGB", 3: "palette", _YCBCR: "YCbCr"}
_REDUCED = 1

_OPACITIES = {1: Opacity.MULTIPLIED, 2: Opacity.STRAIGHT}
"""By what is said of the first sample beside the colours; 0 leaves open what it is."""

_LIMITED = ((16, 235, 128, 240, 128, 240), (15, 235, 128, 240, 128, 240))
"""Black and white of Y′, Cb and Cr of video; the standard itself, and who follows it, writes 15."""


def read_tiff(data: bytes) -> StillFacts:
    """What a TIFF file says of its first picture.

    Raises:
        Refused: cut off, a camera's raw file, or of other colours than RGB and grey.
    """
    directory = read_directory(data)
    photometric = directory.value(_PHOTOMETRIC, 1)
    if _DNG in directory.tags or directory.value(_SUBFILE, 0) & _REDUCED or photometric > 0x7FFF:
        raise Refused("a camera's raw file; develop it first")
    if photometric not in _READ:
        raise Refused("CMYK, Lab and the like are not read; convert it to sRGB first")
    if not all(fits(directory, *tags) for tags in _BLOCKS):
        raise Refused("cut off: the end of the picture is missing; get it whole")
    icc = _profile(directory)
    more = () if directory.is_last else ("There are more pictures in the file: only the first is converted.",)
    notices = (*exif_notices(directory), *more)
    is_limited = photometric == _YCBCR and _black_white(directory) in _LIMITED
    opacity = _OPACITIES.get(directory.value(_EXTRA, 0), Opacity.NONE)
    if photometric == _WHITE_IS_ZERO and opacity is not Opacity.NONE:  # FFmpeg inverts opacity too
        raise Refused("white is zero, and there is transparency, which is not read; save it with black as zero")
    aspect = pixel_aspect(_density(directory, _ACROSS), _density(directory, _DOWN))
    return StillFacts(icc, None, orientation_in(directory), notices, is_limited, opacity, aspect)


def _density(directory: Directory, tag: int) -> Fraction:
    """Pixels to a unit, whichever it is; 0 where nothing is said, or what is said is damaged."""
    try:
        over, under, *_ = (*directory.values(tag), 0, 0)
    except Refused:
        return Fraction(0)
    return Fraction(over, under) if under else Fraction(0)


def _profile(directory: Directory) -> bytes | None:
    if directory.tags.get(_ICC, (0, 0, 0))[1] > _MOST_PROFILE:
        raise Refused(
            f"its colour profile is larger than {_MOST_PROFILE} bytes; convert it to sRGB or Display P3 first"
        )
    return bytes(directory.values(_ICC)) or None


def _black_white(directory: Directory) -> tuple[int, ...]:
    """Black and white of each component, whole numbers, written as fractions."""
    numbers = directory.values(_BLACK_WHITE)
    return tuple(over // max(1, under) for over, under in zip(numbers[::2], numbers[1::2], strict=False))

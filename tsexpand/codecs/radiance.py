"""Radiance pictures: linear light as three mantissas that share an exponent, 8 bits each.

Reference:
    G. Ward, "Real Pixels", Graphics Gems II, 1991; Radiance's file formats, section "Picture file format (.hdr)".
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..errors import output_error

Bytes = npt.NDArray[np.uint8]

_SHORTEST, _LONGEST = 8, 32767
"""Widths whose lines may be coded in runs."""

_RUN, _MOST_RUN, _MOST_LITERAL = 4, 127, 128
_EXPONENT_BIAS = 128

_STRIP = 64
"""Lines that are worked on at once."""


def write_radiance(path: Path, picture: Tensor, header: Mapping[str, str]) -> None:
    """Writes one picture under its name, which the caller keeps temporary until it is whole.

    Args:
        path: of the file.
        picture: (3, H, W), float32, on the CPU; R, G, B, not negative.
        header: variables of the header beside the format.

    Raises:
        OutputError: the file can't be written.
    """
    _, height, width = picture.shape
    lines = ["#?RADIANCE", *(f"{name}={value}" for name, value in header.items()), "FORMAT=32-bit_rle_rgbe", ""]
    head = "\n".join([*lines, f"-Y {height} +X {width}", ""])
    try:
        with path.open("wb") as file:
            file.write(head.encode("ascii", "replace"))
            for top in range(0, height, _STRIP):
                codes = rgbe(picture[:, top : top + _STRIP])
                file.writelines(_line(codes[:, row]) for row in range(codes.shape[1]))
    except OSError as error:
        raise output_error(path, error) from error


def rgbe(light: Tensor) -> Bytes:
    """Mantissas and exponent, (4, H, W), of light (3, H, W); rounded to nearest, as readers take them.

    What is below 2^-127 is black.
    """
    components = light.numpy()
    brightest = components.max(axis=0)
    exponent = np.frexp(brightest)[1]
    exponent += np.rint(np.ldexp(brightest, 8 - exponent)) > 255  # what rounds up to 256 needs the next one
    mantissas = np.rint(np.ldexp(components, 8 - exponent))
    codes = np.concatenate((mantissas, [exponent + _EXPONENT_BIAS])).clip(0, 255).astype(np.uint8)
    codes[:, exponent <= -_EXPONENT_BIAS] = 0
    return np.where(brightest > 0, codes, np.uint8(0))


def _line(codes: Bytes) -> bytes:
    """One line: each of the four bytes by itself in runs, where the width allows it."""
    width = codes.shape[1]
    if not _SHORTEST <= width <= _LONGEST:
        return codes.T.tobytes()
    return b"".join([bytes([2, 2, width >> 8, width & 255]), *(_packed(part) for part in codes)])


def _packed(codes: Bytes) -> bytes:
    """Bytes as runs (128 + length, byte) and literals (length, bytes)."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    begins, ends = np.concatenate(([0], edges)), np.concatenate((edges, [len(codes)]))
    long = ends - begins >= _RUN
    packed: list[bytes] = []
    place = 0
    for begin, end in zip(begins[long].tolist(), ends[long].tolist(), strict=True):
        packed += _literals(codes[place:begin])
        packed += (bytes([128 + length, codes[begin]]) for length in _lengths(end - begin, _MOST_RUN))
        place = end
    return b"".join([*packed, *_literals(codes[place:])])


def _literals(codes: Bytes) -> Iterator[bytes]:
    place = 0
    for length in _lengths(len(codes), _MOST_LITERAL):
        yield bytes([length]) + codes[place : place + length].tobytes()
        place += length


def _lengths(total: int, most: int) -> Iterator[int]:
    for place in range(0, total, most):
        yield min(most, total - place)

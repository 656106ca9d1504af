"""Mastering displays as people write them on command lines."""

import re

from .codes import Primaries
from .hdr10 import HIGHEST_BLACK, HIGHEST_PEAK, LOWEST_BLACK, LOWEST_PEAK, MasteringDisplay, mastering_display
from .primaries import XY, Chromaticities

LARGEST_X, LARGEST_Y, SMALLEST_XY = 0.74, 0.84, 0.0001
"""Chromaticities that ST 2086 can state."""

_NAMED = {"p3-d65": Primaries.SMPTE432, "bt2020": Primaries.BT2020}
_NUMBER = r"\s*((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*"
_NOTATION = re.compile(r"\s*".join(rf"{name}\({_NUMBER},{_NUMBER}\)" for name in ("G", "B", "R", "WP", "L")))
_STEPS_XY, _STEPS_LUMINANCE = 50000, 10000


def parse_mastering_display(text: str, peak: float) -> MasteringDisplay:
    """A mastering display as people write it.

    Args:
        text: "p3-d65" or "bt2020", of the peak; or x265's G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min), in its integers
            (chromaticities in 0.00002, luminance in 0.0001 cd/m²) or, as SVT-AV1 takes it, in decimals: chromaticities
            above 1 are integers.
        peak: highest luminance of the pictures, cd/m².

    Raises:
        ValueError: it is not such a text, or of no display that could have shown the pictures.
    """
    if text in _NAMED:
        return mastering_display(peak, _NAMED[text])
    match = _NOTATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text!r} is neither p3-d65, bt2020 nor such as G(.265,.69)B(.15,.06)R(.68,.32)WP(.3127,.329)L(1000,.0001)"
        )
    numbers = [float(number) for number in match.groups()]
    if max(numbers[:8]) > 1:
        numbers = [*(n / _STEPS_XY for n in numbers[:8]), *(n / _STEPS_LUMINANCE for n in numbers[8:])]
    points = dict(zip(("green", "blue", "red", "white"), zip(numbers[0:8:2], numbers[1:8:2], strict=True), strict=True))
    for name, point in points.items():
        _check_point(name, point)
    space = Chromaticities(**points)
    if not _within(space.white, space):
        raise ValueError("has its white outside of its own primaries")
    highest, lowest = numbers[8:]
    _check_luminance(highest, lowest, peak)
    return MasteringDisplay(space, highest, lowest)


def _check_point(name: str, point: XY) -> None:
    x, y = point
    if not (SMALLEST_XY <= x <= LARGEST_X and SMALLEST_XY <= y <= LARGEST_Y and x + y <= 1):
        raise ValueError(
            f"has no {name} at ({x:g}, {y:g}): x is {SMALLEST_XY:g} to {LARGEST_X}, y to {LARGEST_Y}, x + y to 1"
        )


def _within(point: XY, space: Chromaticities) -> bool:
    """Whether a point lies within the triangle of the primaries."""
    corners = (space.red, space.green, space.blue)
    sides = [_side(point, corners[i], corners[(i + 1) % 3]) for i in range(3)]
    return all(side > 0 for side in sides) or all(side < 0 for side in sides)


def _side(point: XY, start: XY, end: XY) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _check_luminance(highest: float, lowest: float, peak: float) -> None:
    if not LOWEST_PEAK <= highest <= HIGHEST_PEAK:
        raise ValueError(f"has a peak of {highest:g} cd/m²; a display has {LOWEST_PEAK:g} to {HIGHEST_PEAK:g}")
    if not LOWEST_BLACK <= lowest <= HIGHEST_BLACK or not lowest < highest:
        raise ValueError(
            f"has a black of {lowest:g} cd/m²; a display has {LOWEST_BLACK:g} to {HIGHEST_BLACK:g}, below its peak"
        )
    if highest < peak:
        raise ValueError(f"can't show --peak {peak:g}: it ends at {highest:g} cd/m²; lower --peak")

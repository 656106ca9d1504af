"""What a picture's file says of it beside its pixels."""

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction

from ...colour.codes import Primaries, Transfer
from ...colour.profile import Profile


class Refused(Exception):  # noqa: N818  (said of the picture)
    """A picture that is not converted; its text says why, and what to try."""


CodePoints = tuple[Primaries, Transfer]


class Opacity(Enum):
    """What a channel beside the colours is: opacity, by which the codes of the colours are multiplied, or are not."""

    STRAIGHT = "straight"
    MULTIPLIED = "multiplied"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class StillFacts:
    """What the file says; where it says nothing, an sRGB picture, upright.

    Attributes:
        icc: its ICC profile, not yet read.
        colour: what it says of its colour by other means, which count where there is no ICC profile.
        orientation: as EXIF numbers it: 1 upright, 3 upside down, 6 to be turned to the right, 8 to the left, ...
        notices: what of it is not converted, a sentence each.
        is_limited: whether its Y′CbCr codes, if it has such, are of limited range.
        opacity: what a channel beside the colours is, if there is one.
        pixel_aspect: width to height of a pixel, as stored.
    """

    icc: bytes | None = None
    colour: CodePoints | Profile | None = None
    orientation: int = 1
    notices: tuple[str, ...] = field(default=())
    is_limited: bool = False
    opacity: Opacity = Opacity.STRAIGHT
    pixel_aspect: Fraction = Fraction(1)

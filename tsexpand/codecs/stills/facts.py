"""What a picture's file says of it beside its pixels."""

from dataclasses import dataclass, field

from ...colour.codes import Primaries, Transfer
from ...colour.profile import Profile


class Refused(Exception):  # noqa: N818  (said of the picture)
    """A picture that is not converted; its text says why, and what to try."""


CodePoints = tuple[Primaries, Transfer]


@dataclass(frozen=True, slots=True)
class StillFacts:
    """What the file says; where it says nothing, an sRGB picture, upright.

    Attributes:
        icc: its ICC profile, not yet read.
        colour: what it says of its colour by other means, which count where there is no ICC profile.
        orientation: as EXIF numbers it: 1 upright, 3 upside down, 6 to be turned to the right, 8 to the left, ...
        notices: what of it is not converted, a sentence each.
        is_limited: whether its Y′CbCr codes, if it has such, are of limited range.
    """

    icc: bytes | None = None
    colour: CodePoints | Profile | None = None
    orientation: int = 1
    notices: tuple[str, ...] = field(default=())
    is_limited: bool = False

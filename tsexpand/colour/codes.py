"""The code points by which a stream names its colour.

Reference:
    Rec. ITU-T H.273 (07/2021), tables 2 (primaries), 3 (transfer), 4 (matrix), and figure 1
    (chroma sample location types).
"""

from enum import Enum, IntEnum


class Primaries(IntEnum):
    """Colour primaries and white point (table 2)."""

    BT709 = 1
    UNSPECIFIED = 2
    BT470M = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    FILM = 8
    BT2020 = 9
    SMPTE431 = 11
    SMPTE432 = 12
    EBU3213 = 22


class Transfer(IntEnum):
    """Transfer characteristics (table 3)."""

    BT709 = 1
    UNSPECIFIED = 2
    GAMMA22 = 4
    GAMMA28 = 5
    SMPTE170M = 6
    SMPTE240M = 7
    LINEAR = 8
    LOG100 = 9
    LOG316 = 10
    XVYCC = 11
    BT1361 = 12
    SRGB = 13
    BT2020_10 = 14
    BT2020_12 = 15
    PQ = 16
    SMPTE428 = 17
    HLG = 18


class Matrix(IntEnum):
    """Matrix coefficients (table 4)."""

    IDENTITY = 0
    BT709 = 1
    UNSPECIFIED = 2
    FCC = 4
    BT470BG = 5
    SMPTE170M = 6
    SMPTE240M = 7
    YCGCO = 8
    BT2020_NCL = 9
    BT2020_CL = 10
    ICTCP = 14


class SignalRange(Enum):
    """Video signal range (VideoFullRangeFlag): limited is 16 to 235 for 8-bit luma."""

    LIMITED = "limited"
    FULL = "full"


class ChromaSampling(Enum):
    """How many chroma samples there are to the luma samples (SMPTE's notation)."""

    HALF_BOTH = "4:2:0"
    HALF_WIDTH = "4:2:2"
    FULL = "4:4:4"


class ChromaLocation(Enum):
    """Where a subsampled chroma sample lies relative to the luma samples (figure 1)."""

    LEFT = "left"
    CENTER = "center"
    TOP_LEFT = "topleft"
    TOP = "top"
    BOTTOM_LEFT = "bottomleft"
    BOTTOM = "bottom"

"""The nominal frame rate of a stream, out of what FFmpeg measures.

It is for rate control, headers and time codes; when a picture is shown, its pts says.
"""

from fractions import Fraction

STANDARD_RATES = tuple(
    Fraction(*rate)
    for rate in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1))
)
"""Of film and television, SMPTE ST 2036-1 and before."""

MAX_UNCONFIRMED = 120
"""Frames a second up to which an average is believed alone: some files state durations of one tick of their clock."""

_AGREEMENT = Fraction(2, 100)
_ROUNDING = Fraction(1, 1000)


def nominal_rate(average: Fraction | None, base: Fraction | None) -> Fraction | None:
    """The rate at which a clip means to run.

    Args:
        average: number of pictures by their durations (avg_frame_rate), absent where unknown.
        base: lowest rate in which all the first times can be told (r_frame_rate), absent where unknown.

    Returns:
        The base rate where the average is near it, else the average; next to a standard rate, which a
        clock of milliseconds blurs, that one. None where nothing credible is known.
    """
    if not average or average < 0:
        return None
    if base and _is_near(average, base, _AGREEMENT):
        return standard_rate(base)
    return standard_rate(average) if average <= MAX_UNCONFIRMED else None


def standard_rate(rate: Fraction) -> Fraction:
    """The standard rate that a rounded one means, such as 24000/1001 for 23.976; a rate that is near none, itself."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if _is_near(rate, nearest, _ROUNDING) else rate


def _is_near(rate: Fraction, other: Fraction, tolerance: Fraction) -> bool:
    return abs(rate - other) <= tolerance * other

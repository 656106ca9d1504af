"""The shape of a picture's pixels, by how many of them there are to a length."""

from fractions import Fraction

_MOST = 4
"""Times that a pixel may be as wide as high, or as high as wide; what says more is not meant so."""

_ROUNDING = Fraction(1, 200)
"""By which densities of square pixels differ where they were converted from inches."""

_FINEST = 10_000


def pixel_aspect(across: Fraction | int, down: Fraction | int) -> Fraction:
    """Width to height of a pixel.

    Args:
        across: pixels to a length, horizontally; 0 where it is not stated.
        down: vertically.

    Returns:
        1 where they say nothing, or nothing plausible.
    """
    if across <= 0 or down <= 0:
        return Fraction(1)
    aspect = Fraction(down) / Fraction(across)
    is_meant = Fraction(1, _MOST) <= aspect <= _MOST and abs(aspect - 1) > _ROUNDING
    return aspect.limit_denominator(_FINEST) if is_meant else Fraction(1)

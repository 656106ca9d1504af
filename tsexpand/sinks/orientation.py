"""Turning pictures upright, for outputs that can't say how to."""

from dataclasses import dataclass
from fractions import Fraction

from torch import Tensor

_ONE = 1 << 16


@dataclass(frozen=True, slots=True)
class Orientation:
    """A right-angle turn or mirroring.

    Attributes:
        transposed: whether rows become columns, first.
        mirrored: whether left and right are exchanged, then.
        flipped: whether top and bottom are.
    """

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    def upright(self, pictures: Tensor) -> Tensor:
        """Pictures (..., H, W) as they are to be seen: (..., H, W) or (..., W, H)."""
        if self.transposed:
            pictures = pictures.transpose(-1, -2)
        dims = [dim for dim, wanted in ((-1, self.mirrored), (-2, self.flipped)) if wanted]
        return pictures.flip(dims) if dims else pictures

    def upright_aspect(self, sample_aspect_ratio: Fraction) -> Fraction:
        """Width to height of a pixel after turning."""
        return 1 / sample_aspect_ratio if self.transposed else sample_aspect_ratio


UPRIGHT = Orientation()


def orientation_of(display_matrix: tuple[int, ...] | None) -> Orientation | None:
    """What a display matrix asks for; None where it is not a right-angle turn.

    Args:
        display_matrix: a, b, u, c, d, v, x, y, w of 16.16 (w, u, v 2.30): x' = a·x + c·y, y' = b·x + d·y.

    Reference:
        ISO/IEC 14496-12, section 8.2.2 (track matrix).
    """
    if display_matrix is None:
        return UPRIGHT
    a, b, _, c, d = display_matrix[:5]
    if (abs(a), abs(b), abs(c), abs(d)) == (_ONE, 0, 0, _ONE):
        return Orientation(mirrored=a < 0, flipped=d < 0)
    if (abs(a), abs(b), abs(c), abs(d)) == (0, _ONE, _ONE, 0):
        return Orientation(transposed=True, mirrored=c < 0, flipped=b < 0)
    return None

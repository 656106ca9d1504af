from fractions import Fraction

import pytest

from tsexpand.codecs.frame_rate import nominal_rate

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)


@pytest.mark.parametrize(
    ("average", "base", "rate"),
    [
        (Fraction(25), Fraction(25), Fraction(25)),
        (Fraction(300000, 10201), NTSC, NTSC),  # the last picture of a QuickTime file lasts longer
        (Fraction(983, 41), FILM, FILM),  # a clock of milliseconds
        (Fraction(23976, 1000), None, FILM),
        (Fraction(90000, 3001), Fraction(90000, 3001), Fraction(30)),
        (Fraction(24), Fraction(24), Fraction(24)),
        (Fraction(1125, 56), Fraction(30), Fraction(1125, 56)),  # variable
        (Fraction(25, 2), Fraction(25, 2), Fraction(25, 2)),
        (Fraction(240), Fraction(240), Fraction(240)),
        (Fraction(1000), Fraction(60), None),  # durations of one tick
        (Fraction(1000), None, None),
        (None, Fraction(90000), None),
        (Fraction(0), None, None),
    ],
)
def test_known_rates(average: Fraction | None, base: Fraction | None, rate: Fraction | None) -> None:
    assert nominal_rate(average, base) == rate

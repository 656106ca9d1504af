from fractions import Fraction

import pytest

from tsexpand.codecs.time_code import TimeCode

NTSC = Fraction(30000, 1001)


def later(text: str, frames: int, rate: Fraction = NTSC) -> str:
    code = TimeCode.parse(text, rate)
    assert code is not None
    return str(code.later(frames))


@pytest.mark.parametrize(
    ("text", "frames", "rate", "expected"),
    [
        ("10:00:00:00", 0, Fraction(24), "10:00:00:00"),
        ("10:00:00:20", 5, Fraction(25), "10:00:01:00"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59:29", 1, NTSC, "00:01:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:00:00;00", 107892, NTSC, "01:00:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("01:00:00;00", 0, Fraction(25), "01:00:00:00"),  # nothing to drop
    ],
)
def test_known_labels(text: str, frames: int, rate: Fraction, expected: str) -> None:
    assert later(text, frames, rate) == expected


def test_every_label_of_an_hour_is_read_back() -> None:
    first = TimeCode(0, 30, is_drop=True)
    for frames in range(0, 107892, 7):
        assert TimeCode.parse(str(first.later(frames)), NTSC) == first.later(frames)


@pytest.mark.parametrize("text", ["", "nonsense", "24:00:00:00", "00:60:00:00", "00:00:00:30", "0:0:0:0"])
def test_what_is_no_time_code(text: str) -> None:
    assert TimeCode.parse(text, NTSC) is None

from fractions import Fraction

import click
import pytest

from tsexpand.cli.parameters import AutoInt, Time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("62.5", Fraction(125, 2)),
        ("1:02.5", Fraction(125, 2)),
        ("00:01:02.5", Fraction(125, 2)),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_times_are_exact(text: str, seconds: Fraction) -> None:
    assert Time().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "abc", "-1", "1:2:3:4", "1e3", "nan"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Time().convert(text, None, None)


def test_auto_is_none() -> None:
    assert AutoInt(1).convert("auto", None, None) is None
    assert AutoInt(16).convert("64", None, None) == 64


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "many"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        AutoInt(1).convert(text, None, None)

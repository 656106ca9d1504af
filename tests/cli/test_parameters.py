from fractions import Fraction

import click
import pytest

from tsexpand.cli.convert import convert_command
from tsexpand.cli.parameters import AutoInt, FrameRate, Time
from tsexpand.network.tiling import MIN_TILE


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


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("24000/1001", Fraction(24000, 1001)),
        ("2397/100", Fraction(2397, 100)),  # what is stated exactly is believed
        ("24.0", Fraction(24)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_frame_rates_are_exact(text: str, rate: Fraction) -> None:
    assert FrameRate().convert(text, None, None) == rate


@pytest.mark.parametrize("text", ["", "0", "0.0", "-24", "24/0", "1001", "1e3", "ntsc", "24/1/1", "nan", "1" * 400])
def test_what_is_no_frame_rate_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        FrameRate().convert(text, None, None)


def test_tiles_are_those_that_change_no_bit() -> None:
    (tile,) = (option for option in convert_command.params if option.name == "tile")
    assert tile.type.convert(str(MIN_TILE), None, None) == MIN_TILE
    with pytest.raises(click.BadParameter, match=f"from {MIN_TILE} on"):
        tile.type.convert(str(MIN_TILE - 1), None, None)

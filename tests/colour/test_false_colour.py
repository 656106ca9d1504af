import pytest
import torch

from tsexpand.colour.false_colour import CHANGES, LUMINANCES, change_colour, false_colour
from tsexpand.colour.transfer import srgb_eotf


def colour_of(luminance: float) -> int:
    red, green, blue = false_colour(torch.tensor([[luminance]]))[:, 0, 0].tolist()
    return red << 16 | green << 8 | blue


@pytest.mark.parametrize(
    ("luminance", "colour"),
    [
        (0.0, 0x000000),
        (0.01, 0x000000),
        (0.1, 0x0D1540),
        (1.0, 0x172E86),
        (10.0, 0x2463C0),
        (100.0, 0x80BEEC),
        (203.0, 0xDADADA),
        (1000.0, 0xF39A1D),
        (10000.0, 0xFFFFFF),
        (20000.0, 0xFFFFFF),
        (10**-0.4, 0x13246A),  # six tenths from 0.1 to 1 in the logarithm
    ],
)
def test_known_luminances_have_known_colours(luminance: float, colour: int) -> None:
    assert colour_of(luminance) == colour


@pytest.mark.parametrize(
    ("stops", "colour"),
    [(-3, 0xB5E3FF), (0, 0x1C1C1C), (1.5, 0xC4561A), (3, 0xFFDB8C), (9, 0xFFDB8C), (0.75, 0x70391B)],
)
def test_known_changes_have_known_colours(stops: float, colour: int) -> None:
    red, green, blue = change_colour(torch.tensor([[stops]]), 3)[:, 0, 0].tolist()
    assert red << 16 | green << 8 | blue == colour


def lightness(colour: int) -> float:
    light = srgb_eotf(torch.tensor([colour >> 16, colour >> 8 & 255, colour & 255]) / 255)
    return float(light @ torch.tensor([0.2126, 0.7152, 0.0722]))


def test_brighter_is_brighter_below_and_above_reference_white() -> None:
    below = [lightness(colour) for level, colour in LUMINANCES if level < 203]
    above = [lightness(colour) for level, colour in LUMINANCES if level > 203]
    assert below == sorted(set(below)) and above == sorted(set(above))
    darkened, brightened = ([lightness(c) for place, c in CHANGES if place * sign >= 0] for sign in (-1, 1))
    assert darkened == sorted(darkened, reverse=True) and brightened == sorted(brightened)


def test_what_sdr_cannot_show_is_told_by_blue_against_yellow() -> None:
    """Which the red-blind and green-blind see as others do: blue dominates below white, red and green above."""
    for level, colour in LUMINANCES[1:-1]:
        red, green, blue = colour >> 16, colour >> 8 & 255, colour & 255
        assert (blue > max(red, green)) if level < 203 else (level == 203 or blue < green)

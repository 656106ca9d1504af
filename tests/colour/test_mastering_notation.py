import pytest

from tsexpand.colour.codes import Primaries
from tsexpand.colour.hdr10 import MasteringDisplay, mastering_display
from tsexpand.colour.mastering_notation import parse_mastering_display

X265 = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
DECIMAL = "G(0.265,0.690) B(.15,0.06) R(0.68,0.32) WP(0.3127,0.329) L(1000,1e-4)"


@pytest.mark.parametrize("text", [X265, DECIMAL, "p3-d65"])
def test_all_notations_name_the_same_display(text: str) -> None:
    assert parse_mastering_display(text, 1000) == mastering_display(1000)


def test_named_displays_have_the_peak() -> None:
    assert parse_mastering_display("bt2020", 4000) == mastering_display(4000, Primaries.BT2020)
    assert mastering_display(2).peak == 5  # the least that ST 2086 can state


def test_a_display_may_show_more_than_the_pictures() -> None:
    brighter = parse_mastering_display(X265.replace("L(10000000,1)", "L(40000000,50)"), 1000)
    assert brighter == MasteringDisplay(mastering_display(1000).chromaticities, 4000, 0.005)


REFUSED = {
    "": "is neither p3-d65, bt2020 nor such as",
    "P3": "is neither",
    X265.replace("WP", "W"): "is neither",
    DECIMAL.replace("0.265", "-0.265"): "is neither",
    DECIMAL.replace("0.265", "nan"): "is neither",
    DECIMAL.replace("1000", "inf"): "is neither",
    DECIMAL + "L(1,1)": "is neither",
    DECIMAL.replace("0.690", "0.9"): r"no green at \(0.265, 0.9\): x is 0.0001 to 0.74, y to 0.84, x \+ y to 1",
    DECIMAL.replace("0.68,0.32", "0.7,0.32"): "no red",
    DECIMAL.replace("0.06", "0"): "no blue",
    X265.replace("34500", "9" * 400): "no green",
    DECIMAL.replace("0.3127,0.329", "0.6,0.2"): "its white outside of its own primaries",
    DECIMAL.replace("0.68,0.32", "0.265,0.69"): "its white outside",
    DECIMAL.replace("1000", "999"): "can't show --peak 1000: it ends at 999 cd/m²; lower --peak",
    DECIMAL.replace("1000", "10001"): "a peak of 10001 cd/m²; a display has 5 to 10000",
    X265.replace("10000000", "1000"): "a peak of 0.1 cd/m²",
    DECIMAL.replace("1e-4", "6"): "a black of 6 cd/m²; a display has 0.0001 to 5",
    DECIMAL.replace("1e-4", "0"): "a black of 0 cd/m²",
}


@pytest.mark.parametrize("text", REFUSED)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=REFUSED[text]):
        parse_mastering_display(text, 1000)


def test_black_is_below_the_peak() -> None:
    with pytest.raises(ValueError, match="a black of 5 cd/m²"):
        parse_mastering_display(DECIMAL.replace("1000,1e-4", "5,5"), 5)

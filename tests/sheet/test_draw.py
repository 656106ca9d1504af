"""The sheet, read back pixel by pixel."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.codecs.written import INFO
from tsexpand.colour.false_colour import change_colour, false_colour
from tsexpand.colour.hdr10 import ContentLight
from tsexpand.colour.signal import HDR10
from tsexpand.frames import Timing
from tsexpand.sheet.draw import draw, facts, printable
from tsexpand.sheet.layout import Layout, layout_for
from tsexpand.sheet.look import Look
from tsexpand.sheet.panels import panels_of

WHITE, PEAK = 203.0, 1000.0


def look_at(light: Tensor, **changes: object) -> Look:
    """A frame of which the network doubled the light."""
    values = {
        "info": replace(INFO, signal=HDR10),
        "timing": Timing(12, INFO.time_base),
        "seconds": Fraction(1, 2),
        "sdr": light / 2,
        "hdr": light,
        "aspect": Fraction(1),
        "clipped": 0.125,
        "content_light": ContentLight(987, 65),
    }
    return Look(**values | changes)  # type: ignore[arg-type]


def steps(width: int = 640, height: int = 360) -> Tensor:
    """Greys of 1, 10, 100, 203 and 1000 cd/m², side by side."""
    levels = torch.tensor([1.0, 10.0, 100.0, 203.0, 1000.0]).repeat_interleave(width // 5)
    return levels.expand(3, height, -1).contiguous()


def pictures(sheet: Tensor, width: int, height: int) -> list[Tensor]:
    """The six pictures, found from the bottom of the sheet, as only the header's height is not known."""
    layout = layout_for(width, height)
    layout = Layout(layout.columns, layout.rows, width, height, layout.text, _header(sheet, layout))
    assert sheet.shape[1:] == layout.size[::-1]
    found = []
    for number in range(6):
        left, top = layout.corner(number)
        left, top = left + (layout.panel_width - width) // 2, top + layout.strip
        found.append(sheet[:, top : top + height, left : left + width])
    return found


def _header(sheet: Tensor, layout: Layout) -> int:
    return next(lines for lines in range(1, 30) if replace(layout, header=lines).size[1] == sheet.shape[1])


def test_every_picture_is_there_to_the_last_bit() -> None:
    light = steps()
    sdr, same, two, four, luminance, change = pictures(draw(look_at(light), WHITE, PEAK, "engine"), 640, 360)
    for picture, panel in zip(
        (sdr, same, two, four, luminance, change), panels_of(light / 2, light, WHITE, PEAK), strict=True
    ):
        assert torch.equal(picture, panel.picture)
    assert torch.equal(luminance[:, 5], false_colour(light[0, :1])[:, 0])
    white = 255 * (203 / 203) ** (1 / 2.4)
    assert same[:, 0, 3 * 128 + 5].tolist() == [white] * 3
    assert two[:, 0, 3 * 128 + 5].tolist() == [round(255 * 0.25 ** (1 / 2.4))] * 3
    assert four[:, 0, -5].tolist() == [round(255 * (1000 / 203 / 16) ** (1 / 2.4))] * 3
    assert sdr[:, 0, -5].tolist() == [255] * 3


def test_a_change_is_shown_in_stops() -> None:
    change = pictures(draw(look_at(steps()), WHITE, PEAK, "engine"), 640, 360)[5]
    assert torch.equal(change[:, 0, 400], change_colour(torch.tensor([[1.0]]), 3)[:, 0, 0])


def test_black_has_not_changed_whatever_its_ratio() -> None:
    light = torch.full((3, 360, 640), 1e-5)
    change = pictures(draw(look_at(light, sdr=light / 100), WHITE, PEAK, "engine"), 640, 360)[5]
    assert torch.equal(change[:, 0, 0], change_colour(torch.zeros(1, 1), 3)[:, 0, 0])


@pytest.mark.parametrize("size", [(540, 960), (640, 480), (960, 402), (60, 500)])
def test_every_shape_has_a_sheet(size: tuple[int, int]) -> None:
    light = torch.full((3, size[1], size[0]), 50.0)
    for picture in pictures(draw(look_at(light), WHITE, PEAK, "engine"), *size)[1:2]:
        assert (picture == round(255 * (50 / 203) ** (1 / 2.4))).all()


def test_pixels_become_square() -> None:
    sheet = draw(look_at(torch.full((3, 360, 640), 50.0), aspect=Fraction(3, 2)), WHITE, PEAK, "engine")
    assert (pictures(sheet, 960, 360)[0] == round(255 * (25 / 203) ** (1 / 2.4))).all()


def test_the_scale_is_that_of_the_picture() -> None:
    panel = panels_of(steps() / 2, steps(), WHITE, PEAK)[4]
    assert panel.scale is not None
    colours = panel.scale.colours(6001)[:, 0]
    for mark in panel.scale.marks:
        level = float(mark.label.replace("\u202f", ""))
        expected = false_colour(torch.tensor([[level]], dtype=torch.float64))[:, 0, 0].int()
        at = colours[:, min(6000, int(mark.place * 6001))].int()
        assert (at - expected).abs().max() <= 1, mark.label
    assert {mark.label for mark in panel.scale.marks} == {
        "0.01",
        "0.1",
        "1",
        "10",
        "100",
        "203",
        "1000",
        "10\u202f000",
    }


def test_changes_reach_as_far_as_the_peak() -> None:
    panel = panels_of(steps() / 2, steps(), WHITE, 10000)[5]
    assert panel.scale is not None
    assert [mark.label for mark in panel.scale.marks][:2] == ["−6", "−5"]


def test_the_header_says_what_it_is() -> None:
    text = " ".join(facts(look_at(steps()), WHITE, PEAK, "net on cpu"))
    for fact in ("pts 12 × 1/24 s", "640×360", "peak 1000", "MaxRGB 987", "clipped in SDR 12.50 %", "net on cpu"):
        assert fact in text


@pytest.mark.parametrize("name", ["a$b$.mp4", "日本.mp4", "two\nlines.mp4", "surrogate\udcff.mp4", "x" * 300])
def test_any_name_can_be_written(name: str) -> None:
    draw(look_at(steps(), info=replace(INFO, name=name)), WHITE, PEAK, "engine")
    assert "\n" not in printable(name) and len(printable(name)) <= 80


@pytest.mark.parametrize("size", [(320, 240), (640, 360), (324, 576)])
def test_no_text_leaves_its_place(size: tuple[int, int]) -> None:
    """The margin all around is empty, whatever there is to say."""
    name = "a long name of a clip " * 4
    look = look_at(torch.full((3, size[1], size[0]), 50.0), info=replace(INFO, name=name))
    sheet = draw(look, WHITE, PEAK, "a_rather_long_name_of_weights on cuda:0, float32, tiles of 192")
    edge = 6
    for border in (sheet[:, :edge], sheet[:, -edge:], sheet[:, :, :edge], sheet[:, :, -edge:]):
        assert (border == 0x10).all()

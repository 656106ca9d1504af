import pytest
import torch
from torch import Tensor

from tsexpand.colour.active_area import BLACK, ActiveArea, ActiveAreaMeter


def area(*frames: Tensor) -> ActiveArea:
    """Of frames of MaxRGB, (H, W)."""
    meter = ActiveAreaMeter()
    for frame in frames:
        meter.add(frame.amax(1)[None], frame.amax(0)[None])
    return meter.area


def lit(top: int, bottom: int, left: int, right: int) -> Tensor:
    """A frame of 20 by 10 that is lit within these bars."""
    frame = torch.zeros(10, 20)
    frame[top : 10 - bottom, left : 20 - right] = 50
    return frame


@pytest.mark.parametrize("bars", [(0, 0, 0, 0), (2, 3, 0, 0), (0, 0, 4, 1), (1, 2, 3, 4)])
def test_bars_are_found(bars: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = bars
    found = area(lit(*bars))
    assert found == ActiveArea(20, 10, left, right, top, bottom)
    assert found.share == (20 - left - right) * (10 - top - bottom) / 200


def test_a_bar_is_black_in_every_frame() -> None:
    assert area(lit(3, 3, 0, 0), lit(1, 4, 0, 0), lit(2, 5, 0, 0)) == ActiveArea(20, 10, top=1, bottom=3)


def test_noise_of_coding_is_black() -> None:
    frame = lit(2, 2, 0, 0)
    frame[0] = BLACK
    assert area(frame).top == 2
    frame[0, 7] = 2 * BLACK
    assert area(frame).top == 0


def test_what_is_black_on_one_side_is_no_bar() -> None:
    for bars, found in (((2, 2, 0, 9), ActiveArea(20, 10, top=2, bottom=2)), ((0, 0, 1, 9), ActiveArea(20, 10, 1, 9))):
        assert area(lit(*bars)) == found


def test_a_black_clip_has_no_bars() -> None:
    assert area(torch.zeros(10, 20)) == ActiveArea(20, 10)


def test_a_batch_of_none_changes_nothing() -> None:
    meter = ActiveAreaMeter()
    meter.add(torch.zeros(0, 10), torch.zeros(0, 20))
    meter.add(lit(2, 2, 0, 0).amax(1)[None], lit(2, 2, 0, 0).amax(0)[None])
    meter.add(torch.zeros(0, 10), torch.zeros(0, 20))
    assert meter.area == ActiveArea(20, 10, top=2, bottom=2)

import pytest
import torch

from tsexpand.colour.hdr10 import ContentLight, ContentLightMeter, MasteringDisplay, mastering_display
from tsexpand.colour.primaries import D65


def frame(*pixels: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(pixels, dtype=torch.float32).T.reshape(1, 3, 1, -1)


def test_a_known_picture() -> None:
    meter = ContentLightMeter()
    meter.measure(frame((100, 20, 30), (10, 400, 0), (0, 0, 0), (1, 2, 700)))
    assert meter.content_light == ContentLight(max_cll=700, max_fall=300)


def test_max_fall_is_the_highest_frame_not_the_mean_nor_the_frame_of_max_cll() -> None:
    dim_with_a_glint = frame((1000, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0))
    bright = frame(*[(400, 400, 400)] * 4)
    for frames in ([dim_with_a_glint, bright], [bright, dim_with_a_glint]):
        meter = ContentLightMeter()
        for one in frames:
            meter.measure(one)
        assert meter.content_light == ContentLight(1000, 400)
    together = ContentLightMeter()
    together.measure(torch.cat((dim_with_a_glint, bright)))
    assert together.content_light == ContentLight(1000, 400)


def test_levels_are_rounded_up() -> None:
    meter = ContentLightMeter()
    meter.measure(frame((100.2, 0, 0), (50.1, 0, 0)))
    assert meter.content_light == ContentLight(101, 76)


def test_black_is_not_unknown() -> None:
    meter = ContentLightMeter()
    meter.measure(torch.zeros(1, 3, 2, 2))
    assert meter.content_light == ContentLight(1, 1)


def test_levels_fit_sixteen_bit() -> None:
    meter = ContentLightMeter()
    meter.measure(torch.full((1, 3, 2, 2), 1e6))
    assert meter.content_light == ContentLight(65535, 65535)


def test_mastering_display_is_p3_d65() -> None:
    display = mastering_display(1000)
    space = display.chromaticities
    assert (space.red, space.green, space.blue, space.white) == ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65)
    assert (display.peak, display.black) == (1000, 0.0001)


@pytest.mark.parametrize(("peak", "black"), [(0, 0), (100, 100), (10001, 0), (1000, -1), (float("nan"), 0)])
def test_impossible_displays_are_refused(peak: float, black: float) -> None:
    with pytest.raises(ValueError, match="within PQ"):
        MasteringDisplay(mastering_display(1000).chromaticities, peak, black)

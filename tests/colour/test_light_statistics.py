import numpy as np
import pytest
import torch
from torch import Tensor

from tsexpand.colour.hdr10 import ContentLight, ContentLightMeter
from tsexpand.colour.light_statistics import (
    BINS,
    PERCENTILES,
    ShotMeter,
    ShotStatistics,
    frame_statistics,
    percent_below,
    percentiles,
)


def pixels(*values: float) -> Tensor:
    """A frame of one row of grey pixels."""
    return torch.tensor(values, dtype=torch.float32).expand(1, 3, 1, -1)


def shot(*frames: Tensor) -> ShotStatistics:
    meter = ShotMeter()
    for frame in frames:
        meter.add(frame_statistics(frame), 0)
    return meter.statistics


def random_light(count: int = 3) -> Tensor:
    return 1000 * torch.rand(count, 3, 90, 70, generator=torch.Generator().manual_seed(5)) ** 4


def test_a_flat_grey_of_100() -> None:
    statistics = frame_statistics(torch.full((2, 3, 4, 6), 100.0))
    assert statistics.channels.tolist() == [[100.0] * 3] * 2
    assert statistics.average.tolist() == statistics.darkest.tolist() == [100.0] * 2
    assert statistics.signal.tolist() == pytest.approx([0.5080784] * 2, abs=1e-6)
    assert statistics.rows.shape == (2, 4) and statistics.columns.shape == (2, 6)
    place = round(0.5080784 * (BINS - 1))
    assert statistics.histogram[0, place] == 24 and statistics.histogram[0].sum() == 24


def test_it_is_of_the_largest_of_red_green_and_blue() -> None:
    light = torch.tensor([[100.0, 20.0, 30.0], [10.0, 400.0, 0.0]]).T.reshape(1, 3, 1, 2)
    statistics = frame_statistics(light)
    assert statistics.channels.tolist() == [[100, 400, 30]]
    assert (float(statistics.average), float(statistics.darkest)) == (250, 100)


def test_levels_are_those_of_max_cll_and_max_fall() -> None:
    light, meter = random_light(), ContentLightMeter()
    meter.measure(light)
    statistics = frame_statistics(light)
    assert ContentLight.of(float(statistics.channels.max()), float(statistics.average.max())) == meter.content_light


def test_percentiles_are_those_of_numpy() -> None:
    light = random_light(1)
    found = percentiles(frame_statistics(light).histogram[0], PERCENTILES)
    expected = np.percentile(light.amax(1).numpy(), PERCENTILES, method="inverted_cdf")
    assert found == pytest.approx(expected.tolist(), rel=2e-4, abs=1e-4)


def test_a_percentile_is_the_light_of_a_pixel() -> None:
    histogram = frame_statistics(pixels(0, 50, 100, 200)).histogram[0]
    found = percentiles(histogram, (1, 25, 26, 50, 75, 76, 100))
    assert found == pytest.approx([0, 0, 50, 50, 100, 200, 200], rel=1e-4, abs=1e-6)


def test_light_of_the_limit_counts_as_below() -> None:
    histogram = frame_statistics(pixels(99.9, 100, 100.1, 1000)).histogram[0]
    assert percent_below(histogram, 100) == 50


def test_a_shot_is_of_all_its_pixels() -> None:
    whole = random_light(3)
    statistics = shot(*whole.split(1))
    brightest = whole.amax(1)
    assert statistics.frames == 3
    assert statistics.channels == pytest.approx(whole.amax((0, 2, 3)).tolist())
    assert statistics.average == pytest.approx(float(brightest.mean()), rel=1e-6)
    assert statistics.darkest == float(brightest.min())
    expected = np.percentile(brightest.numpy(), PERCENTILES, method="inverted_cdf")
    assert statistics.levels == pytest.approx(expected.tolist(), rel=2e-4, abs=1e-4)


def test_nearly_all_is_of_the_brightest_frame() -> None:
    dim, bright = pixels(*[10] * 100), pixels(*[300] * 100)
    assert shot(dim, bright, dim).nearly_all == pytest.approx(300, rel=1e-4)


def test_no_level_is_above_the_peak() -> None:
    for light in (0.0, 0.013, 49.99, 203.0, 999.6, 10000.0):
        statistics = shot(pixels(light))
        assert statistics.nearly_all <= statistics.peak and max(statistics.levels) <= statistics.peak
        assert statistics.levels == pytest.approx([light] * len(PERCENTILES), rel=1e-3, abs=1e-4)


def test_numbers_hold_all_of_a_shot() -> None:
    statistics = shot(random_light(1))
    assert len(statistics.numbers()) == ShotStatistics.NUMBERS
    assert ShotStatistics.of_numbers(statistics.numbers()) == statistics


def test_a_frame_is_the_same_in_any_batch() -> None:
    whole = random_light(3)
    together, alone = frame_statistics(whole), frame_statistics(whole[1:2])
    for name in together.__slots__:
        assert torch.equal(getattr(together, name)[1:2], getattr(alone, name)), name


def test_a_batch_of_none_is_none() -> None:
    statistics = frame_statistics(torch.zeros(0, 3, 4, 6))
    assert statistics.average.shape == (0,) and statistics.histogram.shape == (0, BINS)

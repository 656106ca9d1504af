import math

import pytest
import torch

from tests.evaluation.light import WHITE, moving_light, unsteady
from tsexpand.evaluation.exposure import STEPS_PER_STOP, ExposureMeter


def measured(prediction: torch.Tensor, base: torch.Tensor) -> ExposureMeter:
    meter = ExposureMeter()
    for one, other in zip(prediction, base, strict=True):
        meter.add(one.float().unsqueeze(0) * WHITE, other.float().unsqueeze(0) * WHITE)
    return meter


def test_a_clip_one_stop_up() -> None:
    truth = moving_light()
    meter = measured(truth * 2, truth)
    assert meter.scale == pytest.approx(1, abs=1 / STEPS_PER_STOP)
    assert meter.medians == pytest.approx([1] * 6, abs=1e-5)
    assert meter.wobble == pytest.approx(0, abs=1e-5)
    assert meter.contrast == pytest.approx(1, abs=1e-3)


def test_contrast_is_the_exponent() -> None:
    grey = moving_light()[:, :1].expand(-1, 3, -1, -1).float()
    assert measured(grey**0.8, grey).contrast == pytest.approx(0.8, abs=1e-3)


def test_wobble_is_of_the_frames() -> None:
    truth = moving_light(2).float()
    exposures = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    assert measured(truth * exposures, truth).wobble == pytest.approx(math.sqrt(0.5), abs=1e-5)


def test_the_median_of_the_histogram_is_that_of_all_pixels() -> None:
    truth = moving_light()
    prediction = unsteady(truth)
    lum = [
        (light.float() * torch.tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)).sum(1) for light in (prediction, truth)
    ]
    counts = (truth.float().amax(1) < 0.6) & (lum[1] > 0.02)
    expected = float((lum[0][counts].log2() - lum[1][counts].log2()).median())
    assert measured(prediction, truth).scale == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_where_nothing_is_well_exposed_there_is_no_number(level: float) -> None:
    flat = torch.full((2, 3, 12, 12), level)
    meter = measured(flat, flat)
    assert all(math.isnan(number) for number in (meter.scale, meter.wobble, meter.contrast, *meter.medians))


def test_errors_beyond_the_histogram_are_at_its_ends() -> None:
    truth = torch.full((1, 3, 12, 12), 0.5)
    assert measured(truth * 1e12, truth).scale == pytest.approx(32, abs=0.001)

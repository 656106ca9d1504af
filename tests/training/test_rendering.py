import math

import numpy as np
import pytest
import torch

from tsexpand.training.rendering import (
    KNEE,
    Rendering,
    bt709_oetf,
    drago,
    graded_light,
    power,
    random_rendering,
    reinhard,
    sigmoid_response,
)

RENDERINGS = [power(2.2), bt709_oetf, sigmoid_response(0.6, 0.9), reinhard(3.0, 2.2), drago(0.85, 1.4)]


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_renderings_map_0_to_0_and_1_to_1_and_rise(rendering: Rendering) -> None:
    signal = rendering(torch.linspace(0, 1, 1001, dtype=torch.float64))
    assert signal[0] == pytest.approx(0, abs=1e-3)
    assert signal[-1] == pytest.approx(1, abs=1e-6)
    assert (signal.diff() > 0).all()


def test_the_709_curve_has_its_published_values() -> None:
    signal = bt709_oetf(torch.tensor([0.01, 0.1, 0.5, 1.0]))
    assert signal.tolist() == pytest.approx([0.045, 0.29094, 0.70552, 1.0], abs=1e-4)


@pytest.mark.parametrize(
    ("rendering", "light", "signal"),
    [
        (power(2.0), 0.25, 0.5),
        (sigmoid_response(0.6, 0.9), 0.5, 1.6 * 0.5**0.9 / (0.5**0.9 + 0.6)),
        (reinhard(3.0, 1.0), 1 / 3, 5 / 9),  # x = 1: (1 + 1/9) / 2
        (reinhard(3.0, 2.0), 1 / 3, (5 / 9) ** 0.5),
        (drago(0.5, 1.0), 0.5, math.log(10) / math.log(11)),  # x = 5, base 2 + 8 · ½: log 6 / log 6
        (drago(0.5**0.5, 2.0), 0.25, (math.log(3.5) / math.log(6) * math.log(10) / math.log(11)) ** 0.5),
    ],
)
def test_renderings_have_the_values_of_their_equations(rendering: Rendering, light: float, signal: float) -> None:
    assert rendering(torch.tensor(light)).item() == pytest.approx(signal, abs=1e-5)


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_below_the_knee_the_truth_is_what_the_display_shows(rendering: Rendering) -> None:
    light = torch.linspace(0, KNEE, 50)
    assert torch.allclose(graded_light(light, rendering), rendering(light) ** 2.4, rtol=1e-5, atol=1e-7)


def test_a_display_camera_is_undone_everywhere() -> None:
    light = torch.tensor([0.1, 0.7, 1.0, 8.0, 100.0])
    assert torch.allclose(graded_light(light, power(2.4)), light, rtol=1e-4)


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_above_the_knee_light_goes_on_at_least_in_proportion(rendering: Rendering) -> None:
    light = torch.tensor([KNEE, 2 * KNEE, 8 * KNEE])
    graded = graded_light(light, rendering)
    assert graded[1] / graded[0] >= 2 * (1 - 1e-5)
    assert graded[2] / graded[1] >= 4 * (1 - 1e-5)


def test_random_renderings_are_of_their_seed() -> None:
    light = torch.linspace(0, 1, 20)
    for seed in range(20):
        first, second = (random_rendering(np.random.default_rng(seed))(light) for _ in range(2))
        assert torch.equal(first, second)
        assert first.min() >= -1e-6 and first.max() <= 1 + 1e-5

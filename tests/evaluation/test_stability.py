import math

import numpy as np
import pytest
import torch

from tsexpand.evaluation.stability import RADIUS, ChangeMeter, RoughnessMeter, reflected, smoothness


def noise(frames: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(frames, 1, 3, 4, 5, generator=torch.Generator().manual_seed(seed)) * 300


def roughness(clip: torch.Tensor) -> float:
    meter = RoughnessMeter()
    for frame in clip:
        meter.add(frame)
    return meter.finish()


@pytest.mark.parametrize("frames", [1, 2, 5, RADIUS, RADIUS + 1, 2 * RADIUS + 1, 90])
def test_roughness_is_that_of_scipy(frames: int) -> None:
    """As the origin computes it, which holds both clips in memory."""
    scipy = pytest.importorskip("scipy.ndimage", reason="SciPy, the oracle, is not installed")
    clip = noise(frames)
    values = clip.double().numpy()
    expected = np.square(values - scipy.gaussian_filter1d(values, sigma=5, axis=0)).sum()
    assert roughness(clip) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_roughness_holds_no_more_than_the_window() -> None:
    meter = RoughnessMeter()
    for frame in noise(100):
        meter.add(frame)
        assert len(meter._frames) <= 2 * RADIUS + 1


def test_a_still_clip_is_not_rough() -> None:
    still = noise(1).expand(30, -1, -1, -1, -1)
    assert roughness(still) == 0


def test_smoother_is_above_one() -> None:
    """The origin: "> 1: video passed as second parameter is MORE smooth"; ours is of the prediction."""
    shaky = noise(30)
    calm = shaky * 0.5
    assert smoothness(roughness(shaky), roughness(calm)) == pytest.approx(2, rel=1e-5)
    assert smoothness(roughness(calm), roughness(shaky)) == pytest.approx(0.5, rel=1e-5)
    assert smoothness(0, 0) == 1
    assert smoothness(1, 0) == math.inf


def test_beyond_the_ends_is_what_numpy_calls_symmetric() -> None:
    padded = np.pad(np.arange(3), 8, mode="symmetric")
    assert [reflected(i, 3) for i in range(-8, 11)] == padded.tolist()


def test_changes_are_absolute_means() -> None:
    meter = ChangeMeter()
    assert math.isnan(meter.mean)
    for value in (1.0, 3.0, 2.0):
        meter.add(torch.full((1, 3, 2, 2), value))
    assert math.isnan(meter.changes[0]) and meter.changes[1:] == [2, 1]
    assert meter.mean == 1.5

import math

import pytest
import torch

from tests.datasets.conftest import scene
from tsexpand.codecs.exr import HALF_MAX
from tsexpand.datasets.measure import (
    Scrubbed,
    clipped_share,
    dynamic_range,
    near_duplicates,
    scrub,
    thumbnail,
)


def test_what_is_not_light_is_counted_and_scrubbed() -> None:
    light = torch.ones(3, 2, 4)
    light[0, 0] = torch.tensor([math.nan, math.inf, -math.inf, -1.0])
    light[1, 0, 0] = 1e9
    clean, counts = scrub(light)
    assert counts == Scrubbed(not_a_number=1, too_large=2, negative=2)
    assert counts.any and not Scrubbed(0, 0, 0).any
    assert clean[0, 0].tolist() == [0.0, HALF_MAX, 0.0, 0.0] and clean[1, 0, 0] == HALF_MAX


def test_range_of_known_values() -> None:
    light = torch.full((3, 10, 100), 1.0)
    light[:, 0] = 0.125  # 10 %
    light[:, 1] = 8.0
    light[:, 2, 0] = 64.0  # one pixel in 1000: beyond the 99.9th percentile
    assert dynamic_range(light) == (pytest.approx(6.0), pytest.approx(64.0))


def test_range_is_finite_whatever_is_black() -> None:
    light = torch.zeros(3, 20, 100)
    assert dynamic_range(light) == (0.0, 0.0)
    light[:, 0] = 2.0
    assert dynamic_range(light) == (24.0, 2.0**24)
    light[:, 0, 1:] = 0
    assert all(math.isfinite(value) for value in dynamic_range(light))


def test_clipped_share() -> None:
    light = scene()
    assert clipped_share(light) == pytest.approx(1 / 2048)
    assert clipped_share(light.clamp_max(0.3)) > 0.5
    assert clipped_share(torch.zeros(3, 4, 4)) == 0.0


def test_a_scene_resembles_itself_in_another_exposure_and_size() -> None:
    smooth = torch.nn.functional.interpolate(scene(1)[None, :, 8:16, 16:32], (32, 64), mode="bilinear")[0]
    looks = {
        "a": thumbnail(smooth),
        "darker": thumbnail(smooth * 0.01),
        "smaller": thumbnail(smooth[:, ::2, ::2]),
        "other": thumbnail(scene(3)),
        "flat": thumbnail(torch.ones(3, 8, 16)),
        "black": thumbnail(torch.zeros(3, 8, 16)),
    }
    pairs = near_duplicates(looks)
    assert pairs[0][:2] == ("a", "darker") and pairs[0][2] == pytest.approx(1.0)
    assert {pair[:2] for pair in pairs} == {("a", "darker"), ("a", "smaller"), ("darker", "smaller")}
    assert near_duplicates({"a": looks["a"]}) == []

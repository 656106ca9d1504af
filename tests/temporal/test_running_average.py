"""An average over time that was shown, within a shot."""

import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch

from tests.temporal.clips import picture, thumbnail
from tsexpand.frames import Timing
from tsexpand.temporal.running_average import RunningAverage

HERE, ELSEWHERE = thumbnail(torch.stack((picture(1), picture(2))))
MILLISECOND = Fraction(1, 1000)


def averages(values: Sequence[float], pts: Sequence[int], cuts: Sequence[int] = ()) -> list[float]:
    """Of a shot that is cut away from, or back to, at frames."""
    average, scene, found = RunningAverage(0.5), [HERE, ELSEWHERE], []
    for number, (value, time) in enumerate(zip(values, pts, strict=True)):
        if number in cuts:
            scene.reverse()
        found.append(float(average.at(torch.tensor(value, dtype=torch.float64), Timing(time, MILLISECOND), scene[0])))
    return found


def test_a_step_is_followed_by_the_time_that_it_was_shown() -> None:
    pts = [0, 40, 95, 140, 150, 1333]
    expected = [0, 0, *(1 - math.exp(-(t - 40) / 500) for t in pts[2:])]
    assert averages([0, 1, 1, 1, 1, 1], pts) == pytest.approx(expected, abs=1e-12)


def test_frames_shown_twice_change_nothing() -> None:
    values = [0.3, 0.9, 0.1, 0.5]
    twice = averages([v for v in values for _ in range(2)], list(range(0, 320, 40)))
    assert twice[::2] == pytest.approx(averages(values, list(range(0, 320, 80))), abs=1e-12)


def test_what_stands_still_stays_to_the_last_bit() -> None:
    assert set(averages([0.7] * 50, [33 * i for i in range(50)])) == {0.7}


def test_a_cut_begins_anew() -> None:
    found = averages([0, 1, 1, 5, 5, 7], [0, 40, 80, 120, 160, 200], cuts=(3, 5))
    assert found[3:] == [5, 5, 7] and 0 < found[2] < 1


def test_time_does_not_run_back() -> None:
    assert averages([0, 1, 1], [100, 100, 60]) == [0, 0, 0]

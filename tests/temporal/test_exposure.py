import math

import pytest
import torch
from torch import Tensor

from tests.temporal.clips import batched, clip, light_of, picture
from tsexpand.frames import LightBatch
from tsexpand.temporal.exposure import DEFAULT_GAIN, anchor


def relative_clip(pairs: list[tuple[float, float]], cut_at: int | None = None) -> LightBatch:
    count = len(pairs)
    seeds = [1 if cut_at is None or i < cut_at else 2 for i in range(count)]
    return clip(torch.stack([picture(s) for s in seeds]), light=torch.ones(count, 3, 4, 4), gains=torch.tensor(pairs))


def scales(whole: LightBatch, size: int = 4, window: int = 9) -> Tensor:
    """Log2 of the scale that each frame got."""
    return light_of(anchor(batched(whole, size), window))[:, 0, 0, 0].double().log2()


def test_a_constant_gain_is_applied_and_gone() -> None:
    out = list(anchor(batched(relative_clip([(7.25, 0.5)] * 10), 4), 9))
    assert all(b.gains is None for b in out)
    assert light_of(out).log2().numpy() == pytest.approx(7.25, abs=1e-5)


@pytest.mark.parametrize("size", [1, 3, 10, 40])
def test_batch_size_does_not_matter(size: int) -> None:
    wobble = [(7 + 0.3 * math.sin(i), 0.1 + 0.05 * (i % 5)) for i in range(30)]
    whole = relative_clip(wobble, cut_at=13)
    assert torch.equal(scales(whole, size), scales(whole, 4))


def test_wobble_becomes_a_slow_drift() -> None:
    alternating = [(7 + 0.3 * (-1) ** i, 0.5) for i in range(60)]
    inner = scales(relative_clip(alternating), window=25)[12:-12]
    assert inner == pytest.approx([7.0] * 36, abs=0.01)


def test_an_outlier_hardly_pulls() -> None:
    gains = [(7.0, 0.5)] * 30
    gains[15] = (17.0, 0.5)
    assert (scales(relative_clip(gains), window=25) - 7).abs().max() < 0.1


def test_reset_at_the_cut() -> None:
    both = relative_clip([(7.0, 0.5)] * 10 + [(9.0, 0.5)] * 10, cut_at=10)
    assert scales(both, window=25) == pytest.approx([7.0] * 10 + [9.0] * 10, abs=1e-6)


def test_frames_without_evidence_take_their_neighbours_scale() -> None:
    gains = [(7.0, 0.5)] * 20
    gains[8] = (float("nan"), 0.0)
    gains[0] = (-50.0, 0.0)
    assert scales(relative_clip(gains)) == pytest.approx([7.0] * 20, abs=1e-6)


def test_last_scale_of_the_shot_holds_where_a_window_has_no_evidence() -> None:
    gains = [(7.0, 0.5)] * 5 + [(0.0, 0.0)] * 20
    assert scales(relative_clip(gains), window=5) == pytest.approx([7.0] * 25, abs=1e-6)


def test_a_shot_without_evidence_gets_the_default_not_the_scale_of_the_shot_before() -> None:
    gains = [(7.0, 0.5)] * 5 + [(0.0, 0.0)] * 5
    expected = [7.0] * 5 + [DEFAULT_GAIN] * 5
    assert scales(relative_clip(gains, cut_at=5), window=5) == pytest.approx(expected, abs=1e-6)


def test_frames_with_more_evidence_weigh_more() -> None:
    gains = [(7.0, 0.9) if i % 2 else (7.4, 0.1) for i in range(30)]
    assert scales(relative_clip(gains), window=9)[10:20] == pytest.approx([7.04] * 10, abs=0.02)


def test_absolute_batches_pass_untouched() -> None:
    given = list(batched(clip(picture(1).expand(6, -1, -1, -1)), 2))
    returned = list(anchor(given, 9))
    assert all(a is b for a, b in zip(given, returned, strict=True))


def test_packets_survive() -> None:
    given = list(batched(relative_clip([(7.0, 0.5)] * 10), 3))
    assert [b.packets for b in anchor(given, 25)] == [b.packets for b in given]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_clips(count: int) -> None:
    assert len(list(anchor(batched(relative_clip([(7.0, 0.5)] * 2), 1), 25))[:count]) == count


def test_an_even_window_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="odd number"):
        anchor([], 4)

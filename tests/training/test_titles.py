import numpy as np
import pytest
import torch

from tsexpand.training.scenes import Window
from tsexpand.training.titles import Overlay, random_titles

HEIGHT, WIDTH = 90, 160
WINDOW = Window(20, 40, 48, 64)


def titles(seed: int) -> Overlay:
    return random_titles(HEIGHT, WIDTH, WINDOW, np.random.default_rng(seed))


def test_what_is_added_and_what_is_left_are_no_more_than_all() -> None:
    for seed in range(60):
        overlay = titles(seed)
        assert overlay.added.shape == (3, HEIGHT, WIDTH) and overlay.through.shape == (1, HEIGHT, WIDTH)
        assert overlay.added.min() >= 0 and overlay.through.min() >= 0
        assert (overlay.added + overlay.through).max() <= 1 + 1e-6


def test_they_are_of_their_seed() -> None:
    first, again, other = (titles(seed) for seed in (3, 3, 4))
    assert torch.equal(first.added, again.added) and torch.equal(first.through, again.through)
    assert not torch.equal(first.through, other.through)


def test_most_are_seen_in_their_window_and_over_the_scene() -> None:
    drawn = [titles(seed).part(WINDOW) for seed in range(60)]
    seen = [bool((part.through < 0.5).any()) for part in drawn]
    assert sum(seen) > 48
    assert 24 < sum(bool((part.through == 1).any()) for part in drawn) < 54  # the others are grounds of their own


def test_letters_are_strokes_not_boxes() -> None:
    """Of most scenes more than half of a frame of 90 rows is left, in which letters may be as tall."""
    left = torch.stack([titles(seed).through.mean() for seed in range(80)])
    over_scenes = left[left > 0]
    assert over_scenes.median() > 0.6


def test_white_is_white_and_what_is_not_covered_stays_to_the_bit() -> None:
    light = 8 * torch.rand(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    whites = 0
    for seed in range(40):
        overlay = titles(seed)
        laid = overlay.over_light(light)
        untouched = (overlay.through == 1).expand_as(light)
        assert torch.equal(laid[untouched], light[untouched])
        white = ((overlay.added == 1).all(0) & (overlay.through[0] == 0)).expand_as(light)
        assert (laid[white] == 1).all()
        assert (overlay.over(torch.full_like(light, 0.3))[white] == 1).all()
        whites += int(white.any())
    assert whites > 15


def test_half_of_a_cover_is_half_of_the_signal() -> None:
    overlay = Overlay(torch.full((3, 1, 1), 0.5), torch.full((1, 1, 1), 0.5))
    light = torch.full((1, 3, 1, 1), 4.0)
    assert overlay.over(torch.full((1, 3, 1, 1), 0.2)).flatten()[0] == pytest.approx(0.6)
    assert overlay.over_light(light).flatten()[0] == pytest.approx((0.5 + 0.5 * 4 ** (1 / 2.4)) ** 2.4)

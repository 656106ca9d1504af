import numpy as np
import pytest
import torch

from tsexpand.training.scenes import Window
from tsexpand.training.titles import Overlay, random_titles

HEIGHT, WIDTH = 270, 480
WINDOW = Window(180, 40, 48, 64)


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
    drawn = [titles(seed) for seed in range(60)]
    over_scenes = [overlay.through[0] for overlay in drawn if overlay.through.max() == 1]
    assert 24 < len(over_scenes) < 48  # the others are on grounds of their own
    rows, columns = slice(180, 228), slice(40, 104)
    here = [bool((through[rows, columns] < 0.5).any()) for through in over_scenes]
    elsewhere = [bool((through[20:68, 340:404] < 0.5).any()) for through in over_scenes]
    assert sum(here) > 0.8 * len(over_scenes) > 2 * sum(elsewhere)


def test_letters_are_strokes_not_boxes() -> None:
    left = torch.stack([titles(seed).through.mean() for seed in range(60)])
    assert left[left > 0.05].median() > 0.9


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


def test_half_of_a_cover_is_half_of_the_signal_that_sdr_shows() -> None:
    """However bright the light below: who sees a grey of 0.5 can't know what is behind it."""
    overlay = Overlay(torch.full((3, 1, 1), 0.5), torch.full((1, 1, 1), 0.5))
    for light, signal in ((0.2**2.4, 0.2), (1.0, 1.0), (4.0, 1.0)):
        assert overlay.over(torch.full((1, 3, 1, 1), signal)).flatten()[0] == pytest.approx(0.5 + 0.5 * signal)
        laid = overlay.over_light(torch.full((1, 3, 1, 1), light)).flatten()[0]
        assert laid == pytest.approx((0.5 + 0.5 * signal) ** 2.4)


def test_a_part_is_what_lies_in_its_window() -> None:
    places = torch.arange(float(HEIGHT * WIDTH)).view(1, HEIGHT, WIDTH)
    part = Overlay(places.expand(3, -1, -1), places).part(WINDOW)
    assert part.added.shape == (3, 48, 64) and part.through.shape == (1, 48, 64)
    assert part.through[0, 0, 0] == 180 * WIDTH + 40 and part.through[0, -1, -1] == 227 * WIDTH + 103
    assert torch.equal(part.added[2], part.through[0])

import numpy as np
import pytest
import torch

from tsexpand.training.graphics import fine_colour


@pytest.mark.parametrize("size", [(48, 64), (1, 1), (7, 120)])
def test_shares_of_light_are_above_nothing_and_at_most_all(size: tuple[int, int]) -> None:
    for seed in range(40):
        shares = fine_colour(*size, np.random.default_rng(seed))
        assert shares.shape == (3, *size) and shares.min() > 0 and shares.max() <= 1


def test_it_is_of_its_seed() -> None:
    first, again, other = (fine_colour(40, 40, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_colours_are_as_fine_as_pixels_in_all_directions() -> None:
    drawn = torch.stack([fine_colour(40, 40, np.random.default_rng(seed)) for seed in range(60)])
    down, across = (drawn.diff(dim=dim) != 0 for dim in (2, 3))
    alone = [(change.narrow(dim, 0, 38) & change.narrow(dim, 1, 38)).any(1) for change, dim in ((down, 2), (across, 3))]
    for single in alone:  # pixels that differ from both of their neighbours
        assert single.flatten(1).any(1).float().mean() > 0.4
    assert (drawn == 1).all(1).flatten(1).any(1).float().mean() > 0.5  # and beside it the scene as it is

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tsexpand.training.motion import about, inner_margin, moved, random_motion


def motion(rotation: float = 0, zoom: float = 1, shear: float = 0, right: float = 0, down: float = 0) -> Tensor:
    """A motion of degrees and pixels."""
    angle, slant = math.radians(rotation), math.tan(math.radians(shear))
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = zoom * turn @ torch.tensor([[1, slant], [0, 1]])
    return torch.cat([matrix, torch.tensor([[right], [down]])], dim=1)[None]


def noise(count: int, height: int, width: int) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(3))


def smooth(size: int) -> Tensor:
    """A picture without detail, so that resampling loses little."""
    place = torch.linspace(0, math.pi, size)
    return (torch.sin(place)[:, None] * torch.cos(place)[None, :])[None, None]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 90), (37, 51)])
def test_no_motion_changes_nothing(height: int, width: int) -> None:
    pictures = noise(2, height, width)
    assert (moved(pictures, motion().expand(2, 2, 3)) - pictures).abs().max() < 2e-5


def test_a_motion_about_a_point_moves_a_part_around_it() -> None:
    picture, turn = noise(1, 90, 120), motion(rotation=1, zoom=1.02, right=1.5)
    top, left, size = 20, 60, 48
    centre = (left + (size - 120) / 2, top + (size - 90) / 2)
    part = moved(picture, about(turn, centre))[..., top : top + size, left : left + size]
    alone = moved(picture[..., top : top + size, left : left + size], turn)
    assert (part - alone)[..., 4:-4, 4:-4].abs().max() < 1e-4


def test_a_motion_by_whole_pixels_shifts_and_repeats_the_edge() -> None:
    picture = noise(1, 21, 32)
    shifted = moved(picture, motion(right=2, down=-1))
    assert torch.allclose(shifted[..., :-1, 2:], picture[..., 1:, :-2], atol=2e-5)
    assert torch.allclose(shifted[..., :-1, 0], picture[..., 1:, 0], atol=2e-5)
    assert torch.allclose(shifted[..., -1, 2:], picture[..., -1, :-2], atol=2e-5)


def test_half_a_pixel_is_the_mean_of_two() -> None:
    picture = noise(1, 8, 8)
    shifted = moved(picture, motion(right=0.5))
    assert torch.allclose(shifted[..., 1:], (picture[..., 1:] + picture[..., :-1]) / 2, atol=2e-5)


def test_zoom_makes_a_ramp_less_steep_about_the_centre() -> None:
    ramp = torch.linspace(-15.5, 15.5, 32).expand(1, 1, 32, 32)
    assert torch.allclose(moved(ramp, motion(zoom=1.03)), ramp / 1.03, atol=1e-5)


def test_a_rotation_by_a_right_angle_turns_right_into_down() -> None:
    picture = noise(1, 16, 16)
    assert torch.allclose(moved(picture, motion(rotation=90)), picture.rot90(-1, (2, 3)), atol=1e-5)


def test_shear_moves_the_lower_rows_right() -> None:
    ramp = torch.linspace(-7.5, 7.5, 16).expand(1, 1, 16, 16)
    sheared = moved(ramp, motion(shear=1))
    expected = ramp - math.tan(math.radians(1)) * ramp.mT
    assert torch.allclose(sheared[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize("there", [motion(rotation=1), motion(1, 0.97, -1, 2, -2), motion(-1, 1.03, 1, -1.3, 0.7)])
def test_there_and_back_is_where_it_was(there: Tensor) -> None:
    back = torch.linalg.inv(torch.cat([there[0], torch.tensor([[0.0, 0, 1]])]))[None, :2]
    picture, inner = smooth(64), slice(8, -8)
    again = moved(moved(picture, there), back)
    assert torch.allclose(again[..., inner, inner], picture[..., inner, inner], atol=2e-3)


def test_each_picture_has_its_own_motion() -> None:
    pictures = noise(1, 16, 16).expand(2, -1, -1, -1)
    both = moved(pictures, torch.cat([motion(right=1), motion(down=1)]))
    assert torch.equal(both[:1], moved(pictures[:1], motion(right=1)))
    assert torch.equal(both[1:], moved(pictures[1:], motion(down=1)))


def test_gradients_pass_and_sum_to_one_where_nothing_leaves() -> None:
    picture = noise(1, 12, 12).requires_grad_()
    moved(picture, motion(right=0.25))[..., 1:].sum().backward()  # type: ignore[no-untyped-call]
    assert picture.grad is not None
    assert picture.grad.dtype == torch.float32
    assert torch.allclose(picture.grad[..., 1:-1], torch.ones(1, 3, 12, 10), atol=2e-5)


def test_random_motions_are_within_the_published_ranges_and_of_their_seed() -> None:
    drawn = random_motion(np.random.default_rng(1), 2000)
    assert drawn.shape == (2000, 2, 3)
    assert drawn.dtype == torch.float32
    assert torch.equal(drawn, random_motion(np.random.default_rng(1), 2000))
    zoom = drawn[:, :, 0].norm(dim=1)  # shear leaves the first column alone
    rotation = torch.atan2(drawn[:, 1, 0], drawn[:, 0, 0]).rad2deg()
    shear = torch.atan((drawn[:, :, 0] * drawn[:, :, 1]).sum(1) / zoom**2).rad2deg()
    for values, low, high in ((zoom, 0.97, 1.03), (rotation, -1, 1), (shear, -1, 1), (drawn[:, :, 2], -2, 2)):
        slack = 0.005 * (high - low)
        assert low - 1e-4 <= values.min() < low + slack
        assert high - slack < values.max() <= high + 1e-4


@pytest.mark.parametrize("size", [48, 144])
def test_within_the_margin_no_padding_is_seen_and_a_pixel_nearer_it_is(size: int) -> None:
    margin = inner_margin(size)
    place = torch.arange(size) - (size - 1) / 2
    ramps = torch.stack([place.expand(size, size), place.expand(size, size).mT])[None]  # where padded, they stop
    seen = []
    for r, z, s, x, y in itertools.product((-1, 1), (0.97, 1.03), (-1, 1), (-2, 2), (-2, 2)):
        largest = motion(r, z, s, x, y)
        sources = torch.linalg.solve(largest[:, :, :2], ramps.flatten(2) - largest[:, :, 2:]).view_as(ramps)
        padded = ((moved(ramps, largest) - sources).abs() > 1e-3)[0].any(0)
        assert not padded[margin:-margin, margin:-margin].any()
        seen.append(bool(padded[margin - 1 : 1 - margin, margin - 1 : 1 - margin].any()))
    assert any(seen)

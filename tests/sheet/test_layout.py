from fractions import Fraction

import pytest
import torch

from tsexpand.sheet.layout import layout_for, resampled, shown_size


@pytest.mark.parametrize(
    ("size", "aspect", "shown"),
    [
        ((1920, 1080), Fraction(1), (1920, 1080)),
        ((1080, 1920), Fraction(1), (1080, 1920)),
        ((640, 360), Fraction(1), (640, 360)),
        ((3840, 2160), Fraction(1), (1920, 1080)),
        ((2160, 3840), Fraction(1), (1080, 1920)),
        ((2048, 858), Fraction(1), (1920, 804)),
        ((720, 576), Fraction(16, 15), (768, 576)),
        ((640, 360), Fraction(1, 2), (640, 720)),
        ((161, 121), Fraction(1), (322, 242)),
        ((64, 48), Fraction(1), (448, 336)),
        ((1, 9000), Fraction(1), (1, 1920)),
        ((64, 48), Fraction(100000), (1920, 1)),
    ],
)
def test_pictures_keep_their_pixels_up_to_1080p(
    size: tuple[int, int], aspect: Fraction, shown: tuple[int, int]
) -> None:
    assert shown_size(*size, aspect) == shown


@pytest.mark.parametrize(
    ("size", "grid"), [((1920, 1080), (3, 2)), ((640, 480), (3, 2)), ((1080, 1920), (6, 1)), ((1920, 804), (2, 3))]
)
def test_the_grid_suits_the_picture(size: tuple[int, int], grid: tuple[int, int]) -> None:
    layout = layout_for(*size)
    assert (layout.columns, layout.rows) == grid


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1920, 804), (1, 1920), (322, 242)])
def test_panels_lie_apart_and_within_the_sheet(size: tuple[int, int]) -> None:
    layout = layout_for(*size)
    taken = torch.zeros(layout.size[::-1], dtype=torch.int)
    for number in range(6):
        left, top = layout.corner(number)
        right, bottom = left + layout.panel_width, top + layout.strip + layout.height
        assert left > 0 and layout.top <= top and right < layout.size[0] and bottom < layout.size[1]
        taken[top:bottom, left:right] += 1
    assert taken.max() == 1


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1920, 804)])
def test_pairs_are_neighbours(size: tuple[int, int]) -> None:
    layout = layout_for(*size)
    for number in (0, 2, 4):
        (left, top), (other_left, other_top) = layout.corner(number), layout.corner(number + 1)
        assert (left == other_left) != (top == other_top)


def test_reduction_is_the_average_of_the_area() -> None:
    light = torch.rand(3, 6, 9, generator=torch.Generator().manual_seed(2))
    assert resampled(light, 3, 2) == pytest.approx(torch.nn.functional.avg_pool2d(light, 3), rel=1e-6)
    row = torch.tensor([[[1.0, 2.0, 4.0]]])
    assert resampled(row, 2, 1)[0, 0].tolist() == pytest.approx([(1 + 0.5 * 2) / 1.5, (0.5 * 2 + 4) / 1.5])


def test_enlargement_repeats_pixels_and_no_change_changes_nothing() -> None:
    light = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(3)) * 1000
    assert torch.equal(resampled(light, 14, 10), light.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert torch.equal(resampled(light, 7, 5), light)

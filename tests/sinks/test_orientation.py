from fractions import Fraction

import pytest
import torch

from tsexpand.sinks.orientation import UPRIGHT, orientation_of

ONE = 1 << 16
PICTURE = torch.tensor([[1, 2, 3], [4, 5, 6]])


def matrix(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    return (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize(
    ("values", "upright"),
    [
        ((1, 0, 0, 1), [[1, 2, 3], [4, 5, 6]]),
        ((0, 1, -1, 0), [[4, 1], [5, 2], [6, 3]]),  # a phone held upright: a quarter turn clockwise
        ((-1, 0, 0, -1), [[6, 5, 4], [3, 2, 1]]),
        ((0, -1, 1, 0), [[3, 6], [2, 5], [1, 4]]),
        ((-1, 0, 0, 1), [[3, 2, 1], [6, 5, 4]]),
        ((1, 0, 0, -1), [[4, 5, 6], [1, 2, 3]]),
    ],
)
def test_pictures_are_turned_upright(values: tuple[int, int, int, int], upright: list[list[int]]) -> None:
    orientation = orientation_of(matrix(*values))
    assert orientation is not None
    assert orientation.upright(PICTURE).tolist() == upright


def test_a_pixel_turns_with_its_picture() -> None:
    turned = orientation_of(matrix(0, 1, -1, 0))
    assert turned is not None
    assert turned.upright_aspect(Fraction(4, 3)) == Fraction(3, 4)
    assert UPRIGHT.upright_aspect(Fraction(4, 3)) == Fraction(4, 3)


def test_no_matrix_is_upright_and_a_slant_is_unknown() -> None:
    assert orientation_of(None) == UPRIGHT
    assert orientation_of((46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)) is None

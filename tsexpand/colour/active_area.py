"""Where a clip has a picture, and where bars that stay black."""

from dataclasses import dataclass

import torch
from torch import Tensor

BLACK = 0.01
"""Light, cd/m², up to which a bar is black: three 8-bit codes above the signal's black, which coding may add."""

MOST_UNEVEN = 8
"""Lines by which bars on opposite sides may differ: the space around a planet stays black, too, and is no bar."""


@dataclass(frozen=True, slots=True)
class ActiveArea:
    """Rows and columns of bars at each side of a picture of that size."""

    width: int
    height: int
    left: int = 0
    right: int = 0
    top: int = 0
    bottom: int = 0

    @property
    def share(self) -> float:
        """Of the pixels, those within."""
        inside = (self.width - self.left - self.right) * (self.height - self.top - self.bottom)
        return inside / (self.width * self.height)


class ActiveAreaMeter:
    """Finds the bars, on opposite sides, that are black in all of the frames that it is shown."""

    def __init__(self) -> None:
        self._rows = self._columns = torch.zeros(0)

    def add(self, rows: Tensor, columns: Tensor) -> None:
        """Takes in the largest MaxRGB of each row (N, H) and column (N, W), on the CPU."""
        self._rows = _most(self._rows, rows)
        self._columns = _most(self._columns, columns)

    @property
    def area(self) -> ActiveArea:
        """What is left; the whole picture where nothing is, as in a black clip."""
        top, bottom = _bars(self._rows)
        left, right = _bars(self._columns)
        return ActiveArea(len(self._columns), len(self._rows), left, right, top, bottom)


def _most(so_far: Tensor, frames: Tensor) -> Tensor:
    if not len(frames):
        return so_far
    largest = frames.amax(dim=0)
    return torch.maximum(so_far, largest) if len(so_far) else largest


def _bars(largest: Tensor) -> tuple[int, int]:
    """Lines that stay black before the first that does not, and after the last."""
    lit = (largest > BLACK).nonzero()
    before, after = (int(lit[0]), len(largest) - 1 - int(lit[-1])) if len(lit) else (0, 0)
    return (before, after) if abs(before - after) <= MOST_UNEVEN else (0, 0)

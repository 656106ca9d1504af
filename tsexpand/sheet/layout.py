"""Where the panels of a sheet lie, in whole pixels, and how large the pictures in them are."""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

LONGEST, SHORTEST = 1920, 1080
"""Pixels of a picture's longer and shorter side at most: up to 1080p pictures keep their pixels."""

_SMALL = 480
"""Pixels of the longer side up to which pictures are enlarged, by whole numbers."""

_NARROW = 320
"""Pixels that a panel is wide at least, so that its text has room."""

_PANELS = 6
_GRIDS = ((6, 1), (3, 2), (2, 3))
_ASPECT = 2.0
"""Width to height that a sheet should have, about: a little wider than the screen, as there is text above."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A grid of panels below a header.

    Attributes:
        columns: of panels.
        rows: likewise.
        width: of each picture.
        height: likewise.
        text: height of letters; all distances are multiples of it.
        header: lines of text above the panels, the first of them larger.
    """

    columns: int
    rows: int
    width: int
    height: int
    text: int
    header: int = 1

    @property
    def panel_width(self) -> int:
        """Of a panel, in which the picture stands in the middle."""
        return max(self.width, _NARROW)

    @property
    def strip(self) -> int:
        """Height of a panel's title and caption, or scale."""
        return round(4.4 * self.text)

    @property
    def margin(self) -> int:
        """Around the sheet and between panels."""
        return round(1.2 * self.text)

    @property
    def top(self) -> int:
        """Where the panels begin."""
        return self.margin + round((0.9 + 1.5 * self.header) * self.text)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sheet."""
        across = self.columns * (self.panel_width + self.margin) + self.margin
        return across, self.top + self.rows * (self.strip + self.height + self.margin)

    def corner(self, number: int) -> tuple[int, int]:
        """Left and top of a panel. Two that follow one another, from an even one on, are neighbours in every grid."""
        column, row = divmod(number, self.rows) if self.columns > self.rows else divmod(number, self.columns)[::-1]
        left = self.margin + column * (self.panel_width + self.margin)
        return left, self.top + row * (self.strip + self.height + self.margin)


def layout_for(width: int, height: int) -> Layout:
    """The grid in which pictures of that size make a sheet that fits a screen best."""

    def unfitting(grid: tuple[int, int]) -> float:
        columns, rows = grid
        return abs(math.log(columns * max(width, _NARROW) / (rows * height) / _ASPECT))

    columns, rows = min(_GRIDS, key=unfitting)
    panel = max(width, _NARROW)
    text = max(10, min(panel // 34, columns * panel // 130))
    return Layout(columns, rows, width, height, text)


def shown_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height in square pixels: the picture's own up to 1080p, smaller beyond, small ones a multiple."""
    exact = (width * max(aspect, Fraction(1)), height * max(1 / aspect, Fraction(1)))
    scale = min(Fraction(1), LONGEST / max(exact), SHORTEST / min(exact))
    shown = [max(1, round(side * scale)) for side in exact]
    times = max(1, _SMALL // max(shown))
    return shown[0] * times, shown[1] * times


def resampled(light: Tensor, width: int, height: int) -> Tensor:
    """Each pixel the average of the area that it covers: (C, H, W) to (C, height, width); a multiple repeats pixels."""
    if height != light.shape[1]:
        light = _covering(height, light.shape[1]).to(light) @ light
    return light if width == light.shape[2] else light @ _covering(width, light.shape[2]).to(light).T


def _covering(size: int, before: int) -> Tensor:
    """(size, before): the share that each of the pixels before has in each pixel."""
    edges = torch.arange(size + 1, dtype=torch.float64) * before / size
    pixels = torch.arange(before, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return overlap.clamp_min(0) * size / before

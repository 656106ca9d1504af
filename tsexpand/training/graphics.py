"""Fine colour, as graphics and drawings have it and photographs of scenes hardly do."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

_DARKEST = 0.03
"""Share of the light that a colour leaves in a channel at least."""

Grid = np.ndarray[tuple[int, int], np.dtype[np.int64]]

_PATTERNS: tuple[Callable[[Grid, Grid, int], Grid], ...] = (
    lambda y, x, width: y // width,  # lines
    lambda y, x, width: x // width,
    lambda y, x, width: (y + x) // width,
    lambda y, x, width: (y - x) // width,
    lambda y, x, width: y // width + x // width,  # checks
)
"""Numbers that are even where one colour is, and odd where the other is, of lines of a width."""


def _pattern(height: int, width: int, rng: np.random.Generator) -> Grid:
    """Lines, checks, or, as often as each kind, dots anywhere."""
    kind, line = int(rng.integers(len(_PATTERNS) + 1)), int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15)))
    if kind == len(_PATTERNS):
        return rng.integers(2, size=(height, width))
    y, x = np.indices((height, width))
    return _PATTERNS[kind](y, x, line)


def fine_colour(height: int, width: int, rng: np.random.Generator) -> Tensor:
    """Shares of light, (3, height, width), in (0, 1]: one to four areas of lines, checks or dots of two colours."""
    shares = torch.ones(3, height, width)
    for _ in range(int(rng.integers(1, 5))):
        rows, columns = (int(rng.integers(max(1, size // 8), size + 1)) for size in (height, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        colours = torch.from_numpy(rng.uniform(_DARKEST, 1, (2, 3))).float()
        which = torch.from_numpy(_pattern(rows, columns, rng) % 2)
        shares[:, top : top + rows, left : left + columns] = colours[which].permute(2, 0, 1)
    return shares

"""Titles, as editing puts them over pictures: the white of letters is white, not light that clipped.

Neither white boxes nor white grounds are drawn: a window in a dark room, a softbox or an overcast sky looks the same,
and is far brighter.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..colour.transfer import bt1886_eotf, bt1886_inverse_eotf
from .scenes import Window

Map = np.ndarray[tuple[int, int], np.dtype[np.float64]]
"""A number a pixel of a frame."""

Colour = np.ndarray[tuple[int], np.dtype[np.float64]]
"""R′G′B′."""

_ON_A_GROUND = 0.4
"""Share of the titles that stand on a ground of their own, as slides and closing credits do, not over a scene."""

_SMALLEST, _TALLEST, _TALLEST_ON_A_GROUND = 6.0, 40.0, 80.0
"""Letters, pixels; larger ones over scenes could as well be windows."""

_OUTLINE = 3.0
"""Pixels, at most."""

_SOFTEST = 3.0
"""Width of the edges of letters, pixels, as of footage that was enlarged; else 1."""

_LEADING = 1.6
"""From line to line, heights of letters."""

_SPACES = 0.15
"""Share of what is written that is not a letter."""

_BLACK = np.zeros(3)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is laid over a frame.

    Attributes:
        added: (3, H, W), R′G′B′ of what is drawn, times its cover.
        through: (1, H, W), what is left of the frame, 0 to 1.
    """

    added: Tensor
    through: Tensor

    def over(self, signal: Tensor) -> Tensor:
        """R′G′B′ (N, 3, H, W) with it laid over."""
        return signal * self.through + self.added

    def over_light(self, light: Tensor) -> Tensor:
        """Display light (N, 3, H, W), 1 = SDR reference white, likewise: what SDR shows, where there is something.

        What shines through a box half black is a grey like any other, however bright it was.
        """
        laid = bt1886_eotf(self.over(bt1886_inverse_eotf(light.clamp_max(1))))
        return torch.where((self.through == 1) & (self.added == 0), light, laid)

    def part(self, window: Window) -> "Overlay":
        """Of a part of the frame."""
        rows, columns = slice(window.top, window.top + window.height), slice(window.left, window.left + window.width)
        return Overlay(self.added[:, rows, columns], self.through[:, rows, columns])


class _Sheet:
    """What one draws on, layer by layer."""

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width
        self._added = np.zeros((3, height, width))
        self._through = np.ones((height, width))

    def paint(self, colour: np.ndarray, cover: Map | float) -> None:
        """Paints with a colour (3,), or one a pixel (3, H, W)."""
        colour = colour.reshape(3, 1, 1) if colour.ndim == 1 else colour
        self._added = self._added * (1 - cover) + colour * cover
        self._through = self._through * (1 - cover)

    def overlay(self) -> Overlay:
        """What was painted."""
        return Overlay(torch.from_numpy(self._added).float(), torch.from_numpy(self._through[None]).float())


def random_titles(height: int, width: int, window: Window, rng: np.random.Generator) -> Overlay:
    """Draws lines of text or plain shapes somewhere in a window of a frame.

    Args:
        height: of the frame.
        width: of the frame.
        window: in which something is to be seen.
        rng: what is random comes from here.
    """
    sheet = _Sheet(height, width)
    ground = rng.random() < _ON_A_GROUND
    if ground:
        sheet.paint(_ground(height, width, rng), 1.0)
    for _ in range(int(rng.integers(1, 4))):
        at = window.top + rng.uniform(0, window.height), window.left + rng.uniform(0, window.width)
        opacity = rng.uniform(0.4, 1) if rng.random() < 0.15 else 1.0
        if rng.random() < (0.6 if ground else 0.9):
            _text(sheet, at, _TALLEST_ON_A_GROUND if ground else _TALLEST, opacity, rng)
        else:
            sheet.paint(_any_colour(rng), opacity * _shape(sheet.size, at, rng))
    return sheet.overlay()


def _colour(rng: np.random.Generator) -> Colour:
    """White most often; a nearly white grey, one whose channels are all or nothing, or any."""
    kind = rng.choice(4, p=[0.64, 0.12, 0.12, 0.12])
    if kind == 0:
        return np.ones(3)
    if kind == 1:
        return np.full(3, rng.uniform(0.8, 1))
    return rng.integers(2, size=3).astype(np.float64) if kind == 2 else _any_colour(rng)


def _any_colour(rng: np.random.Generator) -> Colour:
    """A grey or another colour, hardly ever a white one."""
    return np.full(3, rng.uniform(0, 1)) if rng.random() < 0.3 else rng.uniform(0, 1, 3)


def _ground(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """(3, H, W): black, grey or any colour; sometimes another below, with a gradient between."""
    above, below = (_BLACK if rng.random() < 0.5 else _any_colour(rng) for _ in range(2))
    share = np.linspace(0, 1, height) if rng.random() < 0.25 else np.zeros(height)
    column = above[:, None] * (1 - share) + below[:, None] * share
    return np.broadcast_to(column[:, :, None], (3, height, width))


def _covered(inside: Map, softness: float = 1.0) -> Map:
    """Share of a pixel that is covered.

    Args:
        inside: how far inside of an edge its middle is, pixels.
        softness: width of the edge, pixels.
    """
    return np.clip(inside / softness + 0.5, 0, 1)


def _shape(size: tuple[int, int], at: tuple[float, float], rng: np.random.Generator) -> Map:
    """A box or a disc around a place, of 4 to 200 pixels."""
    y, x = (axis - middle for axis, middle in zip(np.ogrid[: size[0], : size[1]], at, strict=True))
    half = np.exp(rng.uniform(np.log(2), np.log(100), 2))
    if rng.random() < 0.25:
        return _covered(half[0] - np.hypot(y, x))
    return _covered(half[0] - np.abs(y)) * _covered(half[1] - np.abs(x))


def _text(sheet: _Sheet, at: tuple[float, float], tallest: float, opacity: float, rng: np.random.Generator) -> None:
    """One to three lines of letters, of which one is at a place; with an outline, a box behind them, or neither."""
    height = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(tallest))))
    stroke = max(0.5, height * rng.uniform(0.06, 0.28))
    round_ends, curved = rng.random() < 0.5, rng.random() < 0.5
    font = _Font(height, stroke, round_ends or curved, curved)
    lines, letters = int(rng.integers(1, 4)), int(rng.integers(3, 25))
    advance = height * rng.uniform(0.6, 0.8) + stroke
    top = at[0] - height * rng.uniform(0, 1) - _LEADING * height * rng.integers(lines)
    left = at[1] - advance * letters * rng.uniform(0, 1)
    inside = np.full(sheet.size, -np.inf)
    for line in range(lines):
        for letter in range(letters):
            if rng.random() >= _SPACES:
                font.draw(inside, (top + _LEADING * height * line, left + advance * letter), rng)
    softness = rng.uniform(1, _SOFTEST) if rng.random() < 0.25 else 1.0
    behind = rng.choice(3, p=[0.4, 0.4, 0.2])
    if behind == 1:
        sheet.paint(_BLACK, opacity * _covered(inside + rng.uniform(0.5, _OUTLINE), softness))
    elif behind == 2:
        down, across = (np.arange(size) - start for size, start in zip(sheet.size, (top, left), strict=True))
        ends = _LEADING * height * (lines - 1) + height, advance * letters
        rows, columns = (
            _covered(height / 2 + np.minimum(place, end - place))
            for place, end in zip((down, across), ends, strict=True)
        )
        colour = _any_colour(rng) if rng.random() < 0.3 else _BLACK
        sheet.paint(colour, rng.uniform(0.3, 1) * rows[:, None] * columns)
    sheet.paint(_colour(rng), opacity * _covered(inside, softness))


@dataclass(frozen=True, slots=True)
class _Font:
    """Letters of no alphabet: strokes between points of a lattice.

    Attributes:
        height: of letters, pixels.
        stroke: width of their strokes, pixels.
        round_ends: of strokes; else they are square.
        curved: whether strokes have no corners, which takes round ends: they are many short ones.
    """

    height: float
    stroke: float
    round_ends: bool
    curved: bool

    def draw(self, inside: Map, corner: tuple[float, float], rng: np.random.Generator) -> None:
        """Draws a letter into a map of how far inside of strokes each pixel is."""
        size = np.array((self.height, 0.6 * self.height))
        points = np.array(corner) + rng.integers(3, size=(int(rng.integers(2, 5)), 2)) / 2 * size
        margin = 1.5 * (self.stroke / 2 + _OUTLINE + _SOFTEST / 2) + 1  # square ends reach 1.41 times as far
        first = np.maximum(0, points.min(0) - margin).astype(int)
        last = np.maximum(0, points.max(0) + margin).astype(int)
        part = inside[first[0] : last[0], first[1] : last[1]]
        if not part.size:
            return
        y, x = (axis + start for axis, start in zip(np.ogrid[: part.shape[0], : part.shape[1]], first, strict=True))
        points = _without_corners(points) if self.curved else points
        for (y0, x0), (y1, x1) in pairwise(points):
            length = np.hypot(y1 - y0, x1 - x0)
            down, right = ((y1 - y0) / length, (x1 - x0) / length) if length else (0.0, 1.0)  # a dot
            aside = np.abs((y - y0) * right - (x - x0) * down)
            beyond = np.abs((y - y0) * down + (x - x0) * right - length / 2) - length / 2
            far = np.hypot(aside, np.maximum(beyond, 0)) if self.round_ends else np.maximum(aside, beyond)
            np.maximum(part, self.stroke / 2 - far, out=part)


def _without_corners(points: np.ndarray) -> np.ndarray:
    """Points (N, 2) of a line whose corners were cut off twice, a quarter of each side (Chaikin's algorithm)."""
    for _ in range(2):
        cut = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], axis=1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    return points

"""Text on a sheet, by matplotlib, which brings its own letters; pictures are put there pixel by pixel."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

BACKGROUND, BRIGHT, DIM = "#101010", "#f2f2f2", "#a8a8a8"
"""Neutral, so that nothing colours the judgement of a picture."""

_DPI = 100
_FONT = {"family": "DejaVu Sans"}  # matplotlib's own


class Canvas:
    """A sheet that is being drawn; the origin is its top left corner.

    Args:
        width: pixels.
        height: likewise.
    """

    def __init__(self, width: int, height: int) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._width, self._height = width, height
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=BACKGROUND)
        self._canvas = FigureCanvasAgg(self._figure)
        self._pictures: list[tuple[int, int, Tensor]] = []

    def text(
        self, x: float, y: float, text: str, size: float, colour: str = BRIGHT, bold: bool = False, align: str = "left"
    ) -> None:
        """Writes a line; y is where its letters stand."""
        self._figure.text(
            x / self._width, 1 - y / self._height, text, color=colour, ha=align, va="baseline", **_style(size, bold)
        )

    def mark(self, x: float, top: float, bottom: float, thickness: float) -> None:
        """Draws an upright line."""
        from matplotlib.lines import Line2D

        across, down = [x / self._width] * 2, [1 - top / self._height, 1 - bottom / self._height]
        width = thickness * 72 / _DPI
        self._figure.add_artist(Line2D(across, down, color=DIM, linewidth=width, solid_capstyle="butt"))

    def picture(self, left: int, top: int, picture: Tensor) -> None:
        """Puts a picture (3, h, w), uint8, there as it is."""
        self._pictures.append((left, top, picture))

    def drawn(self) -> Tensor:
        """The sheet: (3, H, W), uint8."""
        with _any_letters():
            self._canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.array(self._canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        sheet = torch.from_numpy(pixels[..., :3]).permute(2, 0, 1)
        for left, top, picture in self._pictures:
            height, width = picture.shape[1:]
            sheet[:, top : top + height, left : left + width] = picture
        return sheet


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Pixels that a line takes."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    style = _style(size, bold)
    font = FontProperties(family=style["family"], weight=style["weight"], size=style["fontsize"])
    with _any_letters():
        # As it is drawn, where letters of few pixels have whole ones.
        width, _, _ = RendererAgg(1, 1, _DPI).get_text_width_height_descent(text, font, ismath=False)  # type: ignore[no-untyped-call]
    return float(width)


@contextmanager
def _any_letters() -> Iterator[None]:
    """A name of the user's may have letters that the font lacks: boxes are shown in their place."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _style(size: float, bold: bool) -> dict[str, Any]:
    """Of letters of so many pixels; nothing in a text is a formula."""
    weight = "bold" if bold else "normal"
    return _FONT | {"fontsize": size * 72 / _DPI, "weight": weight, "parse_math": False, "usetex": False}

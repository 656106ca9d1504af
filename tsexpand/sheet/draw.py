"""The sheet: header, panels, scales."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from ..frames import clock
from .canvas import DIM, Canvas, text_width
from .layout import Layout, layout_for, resampled, shown_size
from .look import Look
from .panels import Mark, Panel, panels_of

_SMALLER = 0.86
"""Of captions and facts, to titles."""

_SEPARATOR = "   ·   "


def draw(look: Look, white: float, peak: float, engine: str) -> Tensor:
    """The sheet of a frame: (3, H, W), uint8.

    Args:
        look: the frame.
        white: SDR white, cd/m².
        peak: cd/m².
        engine: what made the light.
    """
    height, width = look.hdr.shape[1:]
    size = shown_size(width, height, look.aspect)
    panels = panels_of(resampled(look.sdr, *size), resampled(look.hdr, *size), white, peak)
    layout = layout_for(*size)
    room = layout.size[0] - 2 * layout.margin
    lines = _wrapped(facts(look, white, peak, engine), room, _SMALLER * layout.text)
    layout = replace(layout, header=1 + len(lines))
    canvas = Canvas(*layout.size)
    _draw_header(canvas, layout, f"{printable(Path(look.info.name).name)}  at {clock(look.seconds)}", lines)
    for number, panel in enumerate(panels):
        _draw_panel(canvas, layout, *layout.corner(number), panel)
    return canvas.drawn()


def facts(look: Look, white: float, peak: float, engine: str) -> list[str]:
    """What there is to know of a frame, in a few words each."""
    info, light = look.info, look.content_light
    height, width = look.hdr.shape[1:]
    aspect = f", pixels {look.aspect.numerator}:{look.aspect.denominator}" if look.aspect != 1 else ""
    return [
        f"pts {look.timing.pts} × {look.timing.time_base} s",
        f"{width}×{height}{aspect} {info.codec} {info.pixel_format}",
        f"peak {peak:g} cd/m²",
        f"SDR white {white:g} cd/m²",
        f"MaxRGB {light.max_cll} cd/m², on average {light.max_fall}",
        f"clipped in SDR {look.clipped:.2%}".replace("%", " %"),
        engine,
    ]


def printable(name: str) -> str:
    """A name without what can't be drawn, the end of it where it is long."""
    text = "".join(letter if letter.isprintable() else "�" for letter in name)
    return text if len(text) <= 80 else f"…{text[-79:]}"


def _wrapped(words: list[str], room: float, size: float) -> list[str]:
    """Words that stay whole, in as few lines as there is room for."""
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]}{_SEPARATOR}{word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _draw_header(canvas: Canvas, layout: Layout, title: str, lines: list[str]) -> None:
    unit = layout.text
    room = layout.size[0] - 2 * layout.margin
    size = min(1.4 * unit, 1.4 * unit * room / text_width(title, 1.4 * unit, bold=True))
    canvas.text(layout.margin, layout.margin + 1.2 * unit, title, size, bold=True)
    for number, line in enumerate(lines):
        canvas.text(layout.margin, layout.margin + (2.9 + 1.5 * number) * unit, line, _SMALLER * unit, DIM)


def _draw_panel(canvas: Canvas, layout: Layout, left: int, top: int, panel: Panel) -> None:
    unit = layout.text
    canvas.text(left, top + 1.2 * unit, panel.title, unit, bold=True)
    if panel.scale is None:
        canvas.text(left, top + 2.7 * unit, panel.caption, _SMALLER * unit, DIM)
    else:
        bar = panel.scale.colours(layout.panel_width).expand(-1, round(0.9 * unit), -1)
        canvas.picture(left, top + round(1.75 * unit), bar)
        _draw_marks(canvas, layout, left, top + round(1.75 * unit) + bar.shape[1], panel.scale.marks)
    inset = (layout.panel_width - layout.width) // 2
    canvas.picture(left + inset, top + layout.strip, panel.picture)


def _draw_marks(canvas: Canvas, layout: Layout, left: int, top: int, marks: tuple[Mark, ...]) -> None:
    """Marks below a scale, and their numbers, as far as they don't run into those that must be there."""
    unit, width = layout.text, layout.panel_width
    taken: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda mark: not mark.must):
        x = left + mark.place * width
        canvas.mark(x, top, top + 0.35 * unit, max(1, unit / 12))
        half = text_width(mark.label, _SMALLER * unit) / 2
        middle = min(max(x, left + half), left + width - half)
        begin, end = middle - half - 0.3 * unit, middle + half + 0.3 * unit
        if all(end <= other[0] or begin >= other[1] for other in taken):
            taken.append((begin, end))
            canvas.text(middle, top + 1.25 * unit, mark.label, _SMALLER * unit, DIM, align="center")

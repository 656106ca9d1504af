"""Letters of a real font, to be laid over pictures."""

import pytest
from torch import Tensor

from tsexpand.sheet.canvas import BACKGROUND, Canvas


def lettered(height: int, width: int, text: str, size: float) -> Tensor:
    """Share of each pixel (H, W) that a bold line of text in the middle covers; its size is in pixels."""
    pytest.importorskip("matplotlib", reason="matplotlib, which brings the font, is not installed")
    canvas = Canvas(width, height)
    canvas.text(width / 2, height / 2 + size / 2, text, size, "white", bold=True, align="center")
    darkest = int(BACKGROUND[1:3], 16)
    return (canvas.drawn()[0].float() - darkest).clamp_min(0) / (255 - darkest)

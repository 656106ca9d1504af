"""Whether black of the source is black."""

from collections.abc import Iterator

import torch
from torch import Tensor

from .report import Check

BLACK = 0.05
"""cd/m² that black of the source may have at most: what coding leaves of it."""


class Black:
    """Looks at what is black in the source."""

    def __init__(self) -> None:
        self._most = 0.0
        self._pixels = 0

    def add(self, sdr: Tensor, light: Tensor) -> None:
        """Takes in a picture.

        Args:
            sdr: (1, 3, H, W), R′G′B′ of the source.
            light: (1, 3, h, w), cd/m²; of the same size, or padded by one row or column.
        """
        level = sdr.amax(1, keepdim=True)
        around = torch.nn.functional.max_pool2d(level, 9, 1, 4)  # what is near light is lit by coding
        black = (around <= 0)[0, 0]
        height, width = black.shape
        if light.shape[-2] not in (height, height + 1) or light.shape[-1] not in (width, width + 1):
            return
        lit = light[0, :, :height, :width].amax(0)[black]
        if lit.numel():
            self._most = max(self._most, float(lit.max()))
            self._pixels += lit.numel()

    def check(self) -> Iterator[Check]:
        """What was found, where there was any."""
        if self._pixels:
            yield Check("black", self._most <= BLACK, f"{self._most:.4f} cd/m² at most in {self._pixels} black pixels")

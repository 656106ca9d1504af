"""HDR10 static metadata: the mastering display, and light levels measured on the pixels."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from .codes import Primaries
from .primaries import CHROMATICITIES, Chromaticities

LOWEST_PEAK, HIGHEST_PEAK, LOWEST_BLACK, HIGHEST_BLACK = 5.0, 10000.0, 0.0001, 5.0
"""Luminances, cd/m², that ST 2086 can state of a display."""


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The display that the picture was made for.

    Attributes:
        chromaticities: of its primaries and white.
        peak: its highest luminance, cd/m².
        black: its lowest luminance, cd/m².

    Reference:
        SMPTE ST 2086:2018; its ranges as Rec. ITU-T H.265 (08/2021) has them, D.3.28.
    """

    chromaticities: Chromaticities
    peak: float
    black: float = LOWEST_BLACK

    def __post_init__(self) -> None:
        if not 0 <= self.black < self.peak <= HIGHEST_PEAK:
            raise ValueError(f"mastering display from {self.black} to {self.peak} cd/m² is not within PQ")


def mastering_display(peak: float, primaries: Primaries = Primaries.SMPTE432) -> MasteringDisplay:
    """A display of that peak, cd/m², or the least that can be stated; P3-D65 is what HDR is mastered on."""
    return MasteringDisplay(CHROMATICITIES[primaries], max(peak, LOWEST_PEAK))


@dataclass(frozen=True, slots=True)
class ContentLight:
    """Light levels of a whole clip, cd/m², integers from 1 to 65535 (0 would mean unknown).

    Attributes:
        max_cll: of the brightest pixel (its largest of R, G, B).
        max_fall: of the frame with the highest average.

    Reference:
        CTA-861.3-A, annex A.
    """

    max_cll: int
    max_fall: int

    @classmethod
    def of(cls, pixel: float, frame: float) -> Self:
        """Of the brightest pixel and of the frame with the highest average, cd/m², rounded up."""
        max_cll = min(65535, max(1, math.ceil(pixel)))
        return cls(max_cll, min(max_cll, max(1, math.ceil(frame))))


def light_levels(light: Tensor) -> Tensor:
    """What the levels of a clip are the largest of: (2,), cd/m², of the brightest pixel and the brightest frame.

    Args:
        light: (N, 3, H, W), float32, BT.2020 RGB in cd/m², as it goes to the encoder.
    """
    brightest = light.amax(dim=1)
    return torch.stack((brightest.max(), brightest.mean(dim=(1, 2)).max()))


class ContentLightMeter:
    """Measures MaxCLL and MaxFALL of the pictures it is shown."""

    def __init__(self) -> None:
        # Tensors, on the device of the light once there is some: to read them would halt a GPU.
        self._levels = torch.zeros(2)

    def measure(self, light: Tensor) -> None:
        """Takes in pictures, see `light_levels`."""
        self.add(light_levels(light))

    def add(self, levels: Tensor) -> None:
        """Takes in what `light_levels` gave of pictures."""
        self._levels = torch.maximum(self._levels.to(levels.device), levels)

    @property
    def content_light(self) -> ContentLight:
        """The levels so far."""
        pixel, frame = self._levels.tolist()
        return ContentLight.of(pixel, frame)

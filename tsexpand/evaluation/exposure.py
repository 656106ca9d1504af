"""Exposure against a base, the reference or the source: how far off, how unsteady, how contrasty."""

import math

import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.luminance import luminance
from ..network.output import REFERENCE_WHITE

WELL_EXPOSED = (0.02, 0.6)
"""Of reference white: luminance above which, and brightest component below which a pixel of the base counts."""

BLACK = 1e-6
"""Of reference white: what is no brighter says nothing of exposure."""

STEPS_PER_STOP = 1 << 14
"""Of the histogram; a median from it is right to half a step, 3·10⁻⁵ stops."""

RANGE = 32
"""Stops, up and down, that the histogram spans; errors beyond count at its ends."""


class ExposureMeter:
    """Log luminance errors of well exposed pixels, over a clip, in bounded memory.

    Attributes:
        medians: median error of each frame, stops; NaN where no pixel is well exposed.
    """

    def __init__(self) -> None:
        self.medians: list[float] = []
        self._histogram = torch.zeros(2 * RANGE * STEPS_PER_STOP, dtype=torch.int64)
        self._moments = torch.zeros(4, dtype=torch.float64)  # sums of x, y, x², x·y
        self._count = 0

    def add(self, prediction: Tensor, base: Tensor) -> None:
        """Takes in a frame: two of (1, 3, H, W), cd/m², BT.709 RGB."""
        relative, base_relative = prediction.clamp_min(0) / REFERENCE_WHITE, base / REFERENCE_WHITE
        light, base_light = (luminance(rgb, Primaries.BT709) for rgb in (relative, base_relative))
        low, high = WELL_EXPOSED
        counts = (base_relative.amax(1, keepdim=True) < high) & (base_light > low) & (light > BLACK)
        x, y = (torch.log2(values[counts]) for values in (base_light, light))
        self.medians.append(float((y - x).median()) if len(x) else math.nan)
        self._count += len(x)
        steps = ((y - x + RANGE) * STEPS_PER_STOP).round().long().clamp(0, len(self._histogram) - 1)
        self._histogram += torch.bincount(steps, minlength=len(self._histogram))
        x, y = x.double(), y.double()
        self._moments += torch.stack([x.sum(), y.sum(), (x * x).sum(), (x * y).sum()])

    @property
    def scale(self) -> float:
        """Median error over the clip, stops; NaN where there is none."""
        if not self._count:
            return math.nan
        middle = torch.tensor((self._count + 1) // 2)  # the lower of two, as `torch.median` has it
        step = int(torch.searchsorted(self._histogram.cumsum(0), middle))
        return step / STEPS_PER_STOP - RANGE

    @property
    def wobble(self) -> float:
        """Standard deviation over time of the frames' median errors, stops; NaN of fewer than two."""
        known = torch.tensor([median for median in self.medians if not math.isnan(median)], dtype=torch.float64)
        return float(known.std()) if len(known) > 1 else math.nan

    @property
    def contrast(self) -> float:
        """Slope of log light against the base's; 1: kept; NaN where there are fewer than two pixels."""
        if self._count < 2:
            return math.nan
        mean_x, mean_y, square_x, product = (self._moments / self._count).tolist()
        variance = (square_x - mean_x**2) * self._count / (self._count - 1)
        return float((product - mean_x * mean_y) / max(variance, 1e-9))

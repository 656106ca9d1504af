"""How light is distributed in frames and in shots: what dynamic metadata of HDR is made of.

All of it is of MaxRGB, the largest of R, G and B of a pixel, in BT.2020, as MaxCLL and MaxFALL are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from .transfer import pq_eotf, pq_inverse_eotf

BINS = 1 << 16
"""Of histograms, equal steps of the PQ signal: a step is 0.02 cd/m² at 100 and 0.2 at 1000."""

BELOW = 100.0
"""The light, cd/m², below which (and at which) HDR10+ counts pixels."""

PERCENTILES = (1, 25, 50, 75, 90, 95, 99.98)
"""Of a shot's pixels, as HDR10+ lists them; its remaining two values are of another kind."""

NEARLY_ALL = 99.99
"""Per cent of a frame's pixels that are no brighter than what HDR10+ calls DistributionY99."""


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """Of N frames of H rows and W columns; light in cd/m².

    Attributes:
        channels: (N, 3), the largest R, G and B.
        average: (N,), mean of MaxRGB.
        darkest: (N,), the smallest MaxRGB.
        signal: (N,), mean of the PQ signal of MaxRGB, in [0, 1].
        histogram: (N, BINS), int32, pixels by the PQ signal of MaxRGB.
        rows: (N, H), the largest MaxRGB of each row.
        columns: (N, W), likewise.
    """

    channels: Tensor
    average: Tensor
    darkest: Tensor
    signal: Tensor
    histogram: Tensor
    rows: Tensor
    columns: Tensor

    def each(self, function: Callable[[Tensor], Tensor]) -> Self:
        """The same of all tensors, such as a copy on another device."""
        return type(self)(*(function(getattr(self, name)) for name in self.__slots__))


def frame_statistics(light: Tensor, encode: Callable[[Tensor], Tensor] = pq_inverse_eotf) -> FrameStatistics:
    """Measures frames, without a wait for the device.

    Args:
        light: (N, 3, H, W), float32, BT.2020 RGB in cd/m², within PQ.
        encode: the PQ signal of (N, 1, H, W), for who has a faster way.
    """
    brightest = light.amax(dim=1)
    signal = encode(brightest.unsqueeze(1)).squeeze(1)
    return FrameStatistics(
        channels=light.amax(dim=(2, 3)),
        average=brightest.mean(dim=(1, 2)),
        darkest=brightest.amin(dim=(1, 2)),
        signal=signal.mean(dim=(1, 2)),
        histogram=_histograms(signal),
        rows=brightest.amax(dim=2),
        columns=brightest.amax(dim=1),
    )


def _histograms(signal: Tensor) -> Tensor:
    counts = torch.zeros(len(signal), BINS, dtype=torch.int32, device=signal.device)
    one = counts.new_ones(())
    for frame, count in zip(signal, counts, strict=True):  # one by one: places take twice the memory of the signal
        places = (frame * (BINS - 1)).round().long().flatten()
        count.scatter_add_(0, places, one.expand_as(places))
    return counts


def percentiles(histogram: Tensor, percents: tuple[float, ...]) -> list[float]:
    """The least light, cd/m², that so many per cent of the pixels do not exceed.

    Args:
        histogram: (BINS,), integers, of at least one pixel, on the CPU.
        percents: in (0, 100].
    """
    counted = histogram.cumsum(0, dtype=torch.int64)
    wanted = torch.tensor(percents, dtype=torch.float64) / 100 * counted[-1]
    places = torch.searchsorted(counted, wanted.ceil().clamp_min(1).long())
    levels: list[float] = pq_eotf(places.double() / (BINS - 1)).tolist()
    return levels


def percent_below(histogram: Tensor, light: float) -> float:
    """Per cent of the pixels (BINS,) that are not brighter than a light in cd/m²."""
    place = round(float(pq_inverse_eotf(torch.tensor(light, dtype=torch.float64))) * (BINS - 1))
    return 100 * int(histogram[: place + 1].sum()) / int(histogram.sum())


@dataclass(frozen=True, slots=True)
class ShotStatistics:
    """Of a shot; light in cd/m².

    Attributes:
        frames: in it.
        channels: the largest R, G and B.
        average: mean of MaxRGB over all of it.
        darkest: the smallest MaxRGB.
        signal: mean of the PQ signal of MaxRGB, in [0, 1].
        levels: MaxRGB at `PERCENTILES` of its pixels.
        nearly_all: of the frame where that is most, MaxRGB that `NEARLY_ALL` of its pixels do not exceed.
        below: per cent of its pixels that are not brighter than `BELOW`.
    """

    frames: int
    channels: tuple[float, float, float]
    average: float
    darkest: float
    signal: float
    levels: tuple[float, ...]
    nearly_all: float
    below: float

    NUMBERS = 9 + len(PERCENTILES)

    @property
    def peak(self) -> float:
        """The largest MaxRGB."""
        return max(self.channels)

    def numbers(self) -> list[float]:
        """All of it as `NUMBERS` numbers, to be kept in little space."""
        single = [self.frames, self.average, self.darkest, self.signal, self.nearly_all, self.below]
        return [*single, *self.channels, *self.levels]

    @classmethod
    def of_numbers(cls, numbers: list[float]) -> Self:
        """What `numbers` were taken from."""
        frames, average, darkest, signal, nearly_all, below, red, green, blue, *levels = numbers
        return cls(int(frames), (red, green, blue), average, darkest, signal, tuple(levels), nearly_all, below)


class ShotMeter:
    """Takes in the frames of one shot."""

    def __init__(self) -> None:
        self._frames = 0
        self._channels = torch.zeros(3)
        self._average = self._signal = self._nearly_all = 0.0
        self._darkest = float("inf")
        self._histogram = torch.zeros(BINS, dtype=torch.int64)

    @property
    def frames(self) -> int:
        """How many it was shown."""
        return self._frames

    def add(self, statistics: FrameStatistics, frame: int) -> None:
        """Takes in one of the frames of a batch, on the CPU."""
        histogram = statistics.histogram[frame]
        self._frames += 1
        self._channels = torch.maximum(self._channels, statistics.channels[frame])
        self._average += float(statistics.average[frame])
        self._signal += float(statistics.signal[frame])
        self._darkest = min(self._darkest, float(statistics.darkest[frame]))
        self._nearly_all = max(self._nearly_all, *percentiles(histogram, (NEARLY_ALL,)))
        self._histogram += histogram

    @property
    def statistics(self) -> ShotStatistics:
        """Of the frames so far, one at least."""
        red, green, blue = self._channels.tolist()
        peak = max(red, green, blue)  # half a step of the histogram may lead beyond it
        return ShotStatistics(
            frames=self._frames,
            channels=(red, green, blue),
            average=self._average / self._frames,
            darkest=self._darkest,
            signal=self._signal / self._frames,
            levels=tuple(min(peak, level) for level in percentiles(self._histogram, PERCENTILES)),
            nearly_all=min(peak, self._nearly_all),
            below=percent_below(self._histogram, BELOW),
        )

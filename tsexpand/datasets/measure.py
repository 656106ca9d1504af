"""What a scene is worth: its range, its flaws, and what it resembles."""

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional

from ..codecs.exr import HALF_MAX
from ..colour.codes import Primaries
from ..colour.luminance import luminance

ALIKE = 0.98
"""Correlation of thumbnails above which two scenes are near-duplicates."""

_DARKEST = 2.0**-24
"""Of the 99.9th percentile: what a black pixel counts as, so that stops are finite (24 at most)."""

_THUMBNAIL = (8, 16)


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """Samples (a pixel has three) that were not light.

    Attributes:
        not_a_number: became 0.
        too_large: infinite or beyond half float, became its maximum.
        negative: became 0.
    """

    not_a_number: int
    too_large: int
    negative: int

    @property
    def any(self) -> bool:
        """Whether there was any."""
        return bool(self.not_a_number or self.too_large or self.negative)


def scrub(light: Tensor) -> tuple[Tensor, Scrubbed]:
    """Light as it can be stored in half float, and what had to be changed: (3, H, W) float32 to the same, in place."""
    counts = Scrubbed(int(torch.isnan(light).sum()), int((light > HALF_MAX).sum()), int((light < 0).sum()))
    return light.nan_to_num_(nan=0.0, posinf=HALF_MAX, neginf=0.0).clamp_(0, HALF_MAX), counts


def clipped_share(light: Tensor) -> float:
    """Share of pixels whose largest component is exactly the picture's maximum: (3, H, W), before any resizing.

    A black picture has none.
    """
    largest = light.amax(0)
    top = largest.max()
    return float((largest == top).float().mean()) if top > 0 else 0.0


def dynamic_range(light: Tensor) -> tuple[float, float]:
    """Stops from the 1st to the 99.9th percentile of luminance, and its maximum over its median.

    Args:
        light: (3, H, W), finite, not negative, at least one pixel.

    Returns:
        Both 0 for a black picture; a median of 0 counts as 2^-24 of the 99.9th percentile.
    """
    values = luminance(light[None].float(), Primaries.BT709).flatten().sort().values
    low, middle, high = (values[round(share * (len(values) - 1))] for share in (0.01, 0.5, 0.999))
    if values[-1] <= 0:
        return 0.0, 0.0
    floor = (high if high > 0 else values[-1]) * _DARKEST
    stops = torch.log2(high.clamp_min(floor) / low.clamp_min(floor))
    return float(stops), float(values[-1] / middle.clamp_min(floor))


def thumbnail(light: Tensor) -> Tensor:
    """What a scene looks like from afar, whatever its exposure: log luminance of 16x8 areas.

    Args:
        light: (3, H, W), finite, not negative.

    Returns:
        (128,) float32, mean 0, length 1; of a picture that is all the same, zeros.
    """
    small = functional.adaptive_avg_pool2d(luminance(light[None].float(), Primaries.BT709), _THUMBNAIL).flatten()
    logs = torch.log2(small.clamp_min(float(small.max()) * _DARKEST + torch.finfo(torch.float32).tiny))
    centred = logs - logs.mean()
    length = torch.linalg.vector_norm(centred)
    return centred / length if length > 1e-4 else torch.zeros_like(centred)


def near_duplicates(thumbnails: dict[str, Tensor]) -> list[tuple[str, str, float]]:
    """Pairs of names that look alike, the most alike first, with their correlation."""
    names = list(thumbnails)
    if len(names) < 2:
        return []
    stacked = torch.stack([thumbnails[name] for name in names])
    alike = (stacked @ stacked.T).tolist()
    pairs = [(names[a], names[b], alike[a][b]) for a, b in combinations(range(len(names)), 2)]
    return sorted((pair for pair in pairs if pair[2] > ALIKE), key=lambda pair: -pair[2])

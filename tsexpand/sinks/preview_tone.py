"""The curves by which the frames of a preview are shown: one for all, or one that follows the picture."""

import math
from collections.abc import Callable, Iterator
from itertools import repeat

import torch
from torch.nn.functional import avg_pool2d

from ..colour.contrast_tone import ContrastTone
from ..colour.gamut import soft_bt709
from ..colour.sdr_tone import Curve, Tone, tone_curve
from ..frames import LightBatch
from ..temporal.running_average import RunningAverage

Curves = Callable[[LightBatch], Iterator[Curve]]
"""A curve for each frame of a batch, in order; to be asked once for every batch, in order."""

_SECONDS = 1.0
"""Time constant by which a curve follows the pictures. Mantiuk et al. let pass what is slower than 0.5 Hz, because
faster changes are seen as flicker; this lets pass half the power at 0.16 Hz, a tenth at 0.5 Hz."""

_SAMPLES = 1 << 16
"""Places that the light of a picture is counted at, about: each the average of some pixels."""


def curves_for(tone: Tone, peak: float, reference_white: float) -> Curves:
    """The curves of one preview; see `tone_curve` and `ContrastTone`."""
    if tone is Tone.MANTIUK:
        return FollowingCurves(peak, reference_white)
    curve = tone_curve(tone, peak, reference_white)
    return lambda batch: repeat(curve, len(batch))


class FollowingCurves:
    """Curves that are each made for the pictures of the last second or so, and anew at every cut.

    Args:
        peak: highest light, cd/m².
        reference_white: light of SDR white, cd/m².
    """

    def __init__(self, peak: float, reference_white: float) -> None:
        self._tone = ContrastTone(peak, reference_white)
        self._average = RunningAverage(_SECONDS)

    def __call__(self, batch: LightBatch) -> Iterator[Curve]:
        """See `Curves`."""
        if not len(batch):
            return
        height, width = batch.light.shape[-2:]
        small = avg_pool2d(batch.light, math.ceil(math.sqrt(height * width / _SAMPLES)), ceil_mode=True).cpu()
        for light, timing, thumbnail in zip(torch.split(small, 1), batch.timings, batch.thumbnails, strict=True):
            brightest = soft_bt709(light.clamp_min(0), batch.primaries).amax(dim=1)
            yield self._tone.curve(self._average.at(self._tone.slopes(brightest), timing, thumbnail))

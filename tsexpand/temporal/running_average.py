"""What is measured of each frame, averaged over the time before it within its shot."""

import math

from torch import Tensor

from ..frames import Timing
from .shots import is_cut


class RunningAverage:
    """An exponential average that knows how long each frame was shown, and begins anew at every cut.

    A frame enters it for as long as it lasts, that is when the next one comes. So a frame that is shown twice makes no
    difference to those that follow, and nothing jumps with a picture; but a shot begins with what its first frame is.

    Args:
        seconds: time constant.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._before: tuple[Tensor, Timing, Tensor] | None = None
        self._average: Tensor | None = None

    def at(self, value: Tensor, timing: Timing, thumbnail: Tensor) -> Tensor:
        """The average when a frame comes; to be asked for every frame, in order.

        Args:
            value: what was measured of the frame, always of the same shape.
            timing: of the frame; one that lies before the last counts as at the same time.
            thumbnail: (3, h, w), SDR signal R′G′B′, see `is_cut`.
        """
        if self._before is None or self._average is None or is_cut(self._before[2], thumbnail):
            self._average = value
        else:
            shown, since, _ = self._before
            seconds = max(0.0, float(timing.seconds - since.seconds))
            self._average = self._average.lerp(shown, -math.expm1(-seconds / self._seconds))
        self._before = value, timing, thumbnail
        return self._average

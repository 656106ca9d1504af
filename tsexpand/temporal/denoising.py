"""Temporal noise reduction: what compression and sensors add to each frame is averaged out along the motion.

Noise of this kind boils: it flickers even where the network adds none. A pixel is therefore averaged
with where it was in the two frames before and is in the two after, as far as they agree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..colour.luminance import luminance
from ..colour.transfer import pq_eotf, pq_inverse_eotf
from ..frames import LightBatch
from .optical_flow import box_mean, inverse_flow, no_flow, optical_flow, warped
from .shots import Frames, by_shot
from .windows import Neighbourhood, neighbourhoods

NOISE = 0.005
"""Root mean squared difference between neighbours, PQ signal, that may be noise: five codes of 10 bit, what x264 leaves
at usual qualities. What differs by much more is something else (other content, grain, a flash) and stays."""

_SHADOW = 0.1
"""PQ signal (0.03 cd/m²) below which less and less counts as noise, and in black nothing."""

_RADIUS = 1
"""Pixels around a pixel on which it is compared: few, so that what is small and moves by itself is seen to differ."""

REACH = 2
"""Frames on either side that are averaged, and the look-ahead. A third would take another half per cent of flicker."""


def denoise(batches: Iterable[LightBatch]) -> Iterator[LightBatch]:
    """Averages each frame with its neighbours in the shot, along the motion, where they show the same.

    In PQ, so that what is averaged and what is compared is what is seen. A neighbour's weight is
    that of a Gaussian of the difference, 1 at most. What is static, or black, stays as it is; nothing
    crosses a cut; towards the ends of a shot there are fewer neighbours.

    Args:
        batches: light in cd/m².

    Returns:
        The batches with other light.

    Raises:
        ValueError: the light is relative.
    """
    return by_shot(batches, _denoise_shot)


def _denoise_shot(shot: Frames) -> Frames:
    for here in neighbourhoods(map(_detached, shot), REACH, _Observer()):
        yield _averaged(here)


def _detached(frame: LightBatch) -> LightBatch:
    """The frame with memory of its own, so that it does not hold the batch that it came in."""
    if frame.gains is not None:
        raise ValueError("relative light can't be denoised: anchor it first")
    return replace(frame, light=frame.light.clone())


class _Seen(NamedTuple):
    """A frame as it is compared.

    Attributes:
        signal: (1, 3, H, W), PQ.
        level: (1, 1, H, W), PQ signal of its luminance.
        arrival: (1, 2, H, W), flow to it from the frame before; 0 for the first of a shot.
    """

    signal: Tensor
    level: Tensor
    arrival: Tensor


class _Observer:
    """Looks at the frames of a shot, one after the other."""

    def __init__(self) -> None:
        self._before: Tensor | None = None

    @torch.inference_mode()
    def __call__(self, frame: LightBatch) -> _Seen:
        level = pq_inverse_eotf(luminance(frame.light, frame.primaries))
        arrival = no_flow(level) if self._before is None else optical_flow(self._before, level)
        self._before = level
        return _Seen(pq_inverse_eotf(frame.light), level, arrival)


def _neighbours(here: Neighbourhood[_Seen]) -> Iterator[tuple[_Seen, Tensor]]:
    """The frames around a frame, each with the flow to it."""
    flow = no_flow(here.near[here.position].level)
    for later in here.near[here.position + 1 :]:
        flow = flow + warped(later.arrival, flow)
        yield later, flow
    flow = torch.zeros_like(flow)
    for earlier, next_one in reversed(list(pairwise(here.near[: here.position + 1]))):
        flow = next_one.arrival + warped(flow, next_one.arrival)
        yield earlier, inverse_flow(flow)


def _sampled(seen: _Seen, flow: Tensor) -> Tensor:
    """The signal along a flow: brightness by bicubic interpolation, which keeps texture, colour by bilinear.

    Colour is coarse in SDR video, so that what bilinear interpolation blurs of it is mostly noise.
    """
    blurred = warped(torch.cat((seen.signal, seen.level), 1), flow)
    return blurred[:, :3] + (warped(seen.level, flow, "bicubic") - blurred[:, 3:])


@torch.inference_mode()
def _averaged(here: Neighbourhood[_Seen]) -> LightBatch:
    frame, seen = here.frame, here.near[here.position]
    own = _sampled(seen, no_flow(seen.level))  # as a neighbour that is the same would be seen, see `warped`
    noise = NOISE * (seen.level / _SHADOW).clamp_max(1)
    change, total = torch.zeros_like(own), torch.ones_like(noise)
    for neighbour, flow in _neighbours(here):
        difference = _sampled(neighbour, flow) - own
        square = box_mean(difference.square().mean(1, keepdim=True), _RADIUS)
        weight = (square / (-2 * noise**2 - 1e-12)).exp()
        change += difference.mul_(weight)
        total += weight
    # As a difference, so that what does not change, or lies above 10 000 cd/m², stays to the last bit.
    moved = pq_eotf((seen.signal + change / total).clamp(0, 1)) - pq_eotf(seen.signal)
    return replace(frame, light=(frame.light + moved).clamp_min(0))

"""Temporal noise reduction: what compression and sensors add to each frame is averaged out along the motion.

Noise of this kind boils: it flickers even where the network adds none. A pixel is therefore averaged
with where it was in the frame before and is in the frame after, as far as the three agree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from ..colour.luminance import luminance
from ..colour.transfer import pq_eotf, pq_inverse_eotf
from ..frames import LightBatch
from .optical_flow import box_mean, inverse_flow, optical_flow, warped
from .shots import Frames, by_shot

NOISE = 0.005
"""Root mean squared difference between neighbours, PQ signal, that may be noise: five codes of 10 bit, what x264 leaves
at usual qualities. What differs by much more is something else (other content, grain, a flash) and stays."""

_RADIUS = 1
"""Pixels around a pixel on which it is compared: few, so that what is small and moves by itself is seen to differ."""


def denoise(batches: Iterable[LightBatch]) -> Iterator[LightBatch]:
    """Averages each frame with its neighbours in the shot, along the motion, where they show the same.

    In PQ, so that what is averaged and what is compared is what is seen. The neighbours' weight is
    that of a Gaussian of the difference, 1 at most. What is static stays as it is; nothing crosses a
    cut; the first and last frame of a shot have one neighbour.

    Args:
        batches: light in cd/m².

    Returns:
        The batches with other light; the look-ahead is one frame.

    Raises:
        ValueError: the light is relative.
    """
    return by_shot(batches, _denoise_shot)


class _Seen(NamedTuple):
    """A frame as it is compared: PQ signal (1, 3, H, W), and of its luminance (1, 1, H, W)."""

    frame: LightBatch
    signal: Tensor
    luma: Tensor


@torch.inference_mode()
def _seen(frame: LightBatch) -> _Seen:
    if frame.gains is not None:
        raise ValueError("relative light can't be denoised: anchor it first")
    return _Seen(frame, pq_inverse_eotf(frame.light), pq_inverse_eotf(luminance(frame.light, frame.primaries)))


def _denoise_shot(shot: Frames) -> Frames:
    here: _Seen | None = None
    before: tuple[Tensor, Tensor] | None = None
    for ahead in chain(map(_seen, shot), (None,)):
        if here is not None:
            after, before_next = (None, None) if ahead is None else _neighbours(here, ahead)
            yield _averaged(here, [pair for pair in (before, after) if pair is not None])
            before = before_next
        here = ahead


@torch.inference_mode()
def _neighbours(here: _Seen, ahead: _Seen) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """What the later of two frames brings to the earlier one, and the other way round, see `_agreeing`."""
    flow = optical_flow(here.luma, ahead.luma)
    return _agreeing(here, ahead, flow), _agreeing(ahead, here, inverse_flow(flow))


def _agreeing(frame: _Seen, neighbour: _Seen, flow: Tensor) -> tuple[Tensor, Tensor]:
    """By how much a neighbour differs along the motion (1, 3, H, W), PQ, and its weight (1, 1, H, W) in [0, 1]."""
    difference = warped(neighbour.signal, flow) - frame.signal
    square = box_mean(difference.square().mean(1, keepdim=True), _RADIUS)
    return difference, (square / (-2 * NOISE**2)).exp()


@torch.inference_mode()
def _averaged(here: _Seen, neighbours: list[tuple[Tensor, Tensor]]) -> LightBatch:
    if not neighbours:
        return here.frame
    change = sum((difference * weight for difference, weight in neighbours), torch.zeros_like(here.signal))
    total = sum((weight for _, weight in neighbours), torch.ones_like(here.luma))
    averaged = pq_eotf((here.signal + change / total).clamp(0, 1))
    # As a difference, so that what does not change, or lies above 10 000 cd/m², stays to the last bit.
    return replace(here.frame, light=(here.frame.light + averaged - pq_eotf(here.signal)).clamp_min(0))

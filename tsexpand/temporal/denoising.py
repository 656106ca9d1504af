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
from .optical_flow import box_mean, inverse_flow, no_flow, optical_flow, warped
from .shots import Frames, by_shot

NOISE = 0.005
"""Root mean squared difference between neighbours, PQ signal, that may be noise: five codes of 10 bit, what x264 leaves
at usual qualities. What differs by much more is something else (other content, grain, a flash) and stays."""

_SHADOW = 0.1
"""PQ signal (0.03 cd/m²) below which less and less counts as noise, and in black nothing."""

_RADIUS = 1
"""Pixels around a pixel on which it is compared: few, so that what is small and moves by itself is seen to differ."""


def denoise(batches: Iterable[LightBatch]) -> Iterator[LightBatch]:
    """Averages each frame with its neighbours in the shot, along the motion, where they show the same.

    In PQ, so that what is averaged and what is compared is what is seen. The neighbours' weight is
    that of a Gaussian of the difference, 1 at most. What is static, or black, stays as it is; nothing
    crosses a cut; the first and last frame of a shot have one neighbour.

    Args:
        batches: light in cd/m².

    Returns:
        The batches with other light; the look-ahead is one frame.

    Raises:
        ValueError: the light is relative.
    """
    return by_shot(batches, _denoise_shot)


class _Seen(NamedTuple):
    """A frame as it is compared.

    Attributes:
        frame: a batch of one picture, its light not a part of a larger tensor.
        signal: (1, 3, H, W), PQ.
        level: (1, 1, H, W), PQ signal of its luminance.
        sampled: the signal as a neighbour that is the same would be seen, see `warped`.
    """

    frame: LightBatch
    signal: Tensor
    level: Tensor
    sampled: Tensor


class _Pull(NamedTuple):
    """What a neighbour does to a frame: its weighted difference (1, 3, H, W), PQ, and weight (1, 1, H, W) in [0, 1]."""

    difference: Tensor
    weight: Tensor


@torch.inference_mode()
def _seen(frame: LightBatch) -> _Seen:
    if frame.gains is not None:
        raise ValueError("relative light can't be denoised: anchor it first")
    signal = pq_inverse_eotf(frame.light)
    level = pq_inverse_eotf(luminance(frame.light, frame.primaries))
    own = replace(frame, light=frame.light.clone())  # lets go of the batch that it came in
    return _Seen(own, signal, level, warped(signal, no_flow(signal), "bicubic"))


def _denoise_shot(shot: Frames) -> Frames:
    here: _Seen | None = None
    before: _Pull | None = None
    for ahead in chain(map(_seen, shot), (None,)):
        if here is not None:
            after, before_next = (None, None) if ahead is None else _pulls(here, ahead)
            yield _averaged(here, [pull for pull in (before, after) if pull is not None])
            before = before_next
        here = ahead


@torch.inference_mode()
def _pulls(here: _Seen, ahead: _Seen) -> tuple[_Pull, _Pull]:
    """What the later of two frames does to the earlier one, and the other way round."""
    flow = optical_flow(here.level, ahead.level)
    return _pull(here, ahead, flow), _pull(ahead, here, inverse_flow(flow))


def _pull(frame: _Seen, neighbour: _Seen, flow: Tensor) -> _Pull:
    difference = warped(neighbour.signal, flow, "bicubic") - frame.sampled
    square = box_mean(difference.square().mean(1, keepdim=True), _RADIUS)
    noise = NOISE * (frame.level / _SHADOW).clamp_max(1)
    weight = (square / (-2 * noise**2 - 1e-12)).exp()
    return _Pull(difference.mul_(weight), weight)


@torch.inference_mode()
def _averaged(here: _Seen, pulls: list[_Pull]) -> LightBatch:
    if not pulls:
        return here.frame
    change = sum((pull.difference for pull in pulls), torch.zeros_like(here.signal))
    total = sum((pull.weight for pull in pulls), torch.ones_like(here.level))
    # As a difference, so that what does not change, or lies above 10 000 cd/m², stays to the last bit.
    difference = pq_eotf((here.signal + change / total).clamp(0, 1)) - pq_eotf(here.signal)
    return replace(here.frame, light=(here.frame.light + difference).clamp_min(0))

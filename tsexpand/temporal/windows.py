"""A frame among its neighbours in the shot."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from ..frames import LightBatch
from .shots import Frames

Measure = TypeVar("Measure")


class Neighbourhood(NamedTuple, Generic[Measure]):
    """What is known around a frame.

    Attributes:
        frame: a batch of one picture.
        near: measures of the frames of its shot that are at most a radius away, in order; fewer on
            one side means that the shot begins or ends there.
        position: of the frame among them.
    """

    frame: LightBatch
    near: list[Measure]
    position: int


def radius_of(window: int) -> int:
    """Frames on either side of the middle of a window; ValueError for an even or empty one."""
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window of {window} frames has no middle: give an odd number from 1 on")
    return window // 2


def blackman(radius: int) -> Tensor:
    """(2·radius + 1,) float64 Blackman window, sum 1, without the zeros at its ends."""
    window = torch.blackman_window(2 * radius + 3, periodic=False, dtype=torch.float64)[1:-1]
    return window / window.sum()


def neighbourhoods(
    shot: Frames, radius: int, measure: Callable[[LightBatch], Measure]
) -> Iterator[Neighbourhood[Measure]]:
    """Each frame of a shot with measures of the frames around it.

    Args:
        shot: frames of one shot.
        radius: frames on either side; it is also the look-ahead.
        measure: of a frame, taken once, in order; as small as can be: past ones are kept without their frame.
    """
    waiting: deque[LightBatch] = deque()
    near: list[Measure] = []
    position = 0
    ahead = chain(((f, measure(f)) for f in shot), repeat(None, radius))
    for count, item in enumerate(ahead, start=1):
        if item is not None:
            waiting.append(item[0])
            near.append(item[1])
        if count > radius:
            yield Neighbourhood(waiting.popleft(), list(near), position)
            if position == radius:
                near.pop(0)
            else:
                position += 1


def mirrored(here: Neighbourhood[Tensor], radius: int) -> Tensor:
    """Measures of the whole window (2·radius + 1, ...): where the shot has no frame its mirror image.

    A shot shorter than the window is mirrored again and again: frames a b c continue c b a a b c.
    """
    count = len(here.near)
    measures = torch.stack(here.near)
    phase = torch.arange(here.position - radius, here.position + radius + 1) % (2 * count)
    return measures[torch.where(phase < count, phase, 2 * count - 1 - phase)]

"""Where one shot ends and the next begins.

A cut is judged from two neighbouring thumbnails and nothing else: no look-ahead, no history, the
same answer wherever a clip is divided. Fast motion is told from a cut by shifting the pictures
against each other, where others compare with the frames around (PySceneDetect's adaptive
detector).
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..colour.codes import Primaries
from ..colour.luminance import luminance_weights
from ..frames import LightBatch, Packets

Frames = Iterator[LightBatch]
"""Batches of one picture each."""

LEAST_CHANGE = 0.05
"""Mean absolute difference of R′G′B′ below which nothing is a cut: a fade between flat black and
flat white of one second at 25 frames a second changes by 0.04 a frame."""

LEAST_EVIDENCE = 0.3
"""Loss of structure plus weighted change of palette from which a change is a cut. Chosen on about 40
real clips: motion came to 0.27 (drifting bokeh), the three cuts between scenes to 0.36 and more. Two
jumps of one camera to another framing came to 0.23 and pass; a fade from black within five frames
counts as cuts."""

_PALETTE_WEIGHT = 8.0
_REACH = 4
"""Pixels of the thumbnail that a picture may move between frames: an eighth of its width."""

_BLACK = 0.06
"""Rows and columns that stay below this in both pictures are letterbox bars: they look alike in
every picture and would hide cuts."""

_FAINT = 0.02
"""Contrast (standard deviation) that counts as no structure, so that noise is none."""


def is_cut(before: Tensor, after: Tensor) -> bool:
    """Whether the second of two neighbouring frames begins a new shot.

    It does where the pictures differ by `LEAST_CHANGE` or more and this can't be explained by
    motion or by light: the loss of structure (1 − the correlation of luma, at the best shift of up
    to an eighth of the picture) and the change of palette (histogram distance of the colour
    differences) add up to `LEAST_EVIDENCE`. A fade, a flash or a dip to another exposure keeps
    structure; a pan keeps structure and palette; black has no structure, so the step from a
    picture to black is a cut, be it the last one of a very fast fade.

    Args:
        before: (3, h, w), SDR signal R′G′B′ in [0, 1], the thumbnail of frame t − 1.
        after: the same of frame t.
    """
    if float((after - before).abs().mean()) < LEAST_CHANGE:
        return False
    live = torch.maximum(before, after).amax(dim=0) > _BLACK
    live = live.any(dim=1, keepdim=True) & live.any(dim=0, keepdim=True)
    if not live.any():
        return False
    lost = 1 - _best_correlation(_luma(before), _luma(after), live)
    return lost + _PALETTE_WEIGHT * _palette_distance(before[:, live], after[:, live]) >= LEAST_EVIDENCE


def _luma(signal: Tensor) -> Tensor:
    return torch.einsum("c...,c->...", signal, luminance_weights(Primaries.BT709).to(signal))


def _palette_distance(before: Tensor, after: Tensor) -> float:
    """Distance of the histograms of R′ − Y′, G′ − Y′, B′ − Y′: how far values move on average."""
    differences = [(c - _luma(c)).sort(dim=1).values for c in (before, after)]
    return float((differences[1] - differences[0]).abs().mean())


def _best_correlation(before: Tensor, after: Tensor, live: Tensor) -> float:
    """Largest correlation of two luma pictures (h, w) over all shifts within reach, live area only."""
    size = 2 * _REACH + 1

    def shifted(plane: Tensor) -> Tensor:
        height, width = plane.shape
        views = pad(plane, (_REACH,) * 4).unfold(0, height, 1).unfold(1, width, 1)
        return views.reshape(size * size, height * width)

    weight = live.to(before)
    shares = shifted(weight) * weight.flatten()
    # An overlap of less than half says little; the small constant keeps empty ones finite.
    overlap = shares.sum(dim=1, keepdim=True)
    shares = shares / (overlap + 1e-6)
    a = _centred(shifted(before), shares)
    b = _centred(after.flatten().expand_as(a), shares)
    covariance, variance_a, variance_b = ((shares * p).sum(dim=1) for p in (a * b, a * a, b * b))
    correlation = covariance / ((variance_a + _FAINT**2) * (variance_b + _FAINT**2)).sqrt()
    return float(correlation[overlap[:, 0] >= 0.5 * weight.sum()].max())


def _centred(values: Tensor, shares: Tensor) -> Tensor:
    return values - (shares * values).sum(dim=1, keepdim=True)


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What is left to know of a batch once its frames are on their way."""

    size: int
    packets: Packets
    empty: LightBatch | None


def by_shot(batches: Iterable[LightBatch], stage: Callable[[Frames], Frames]) -> Iterator[LightBatch]:
    """Runs a stage on each shot by itself, frame by frame.

    Args:
        batches: of any sizes; empty ones (packets alone) keep their place.
        stage: takes the frames of one shot, thumbnails and gains on the CPU, and gives as many
            back, in order.

    Returns:
        The frames in batches as they came, packets with their batch.
    """
    envelopes: deque[_Envelope] = deque()
    frames: list[LightBatch] = []
    for shot in _shots(_single(batches, envelopes)):
        for frame in stage(shot):
            yield from _empty(envelopes)
            frames.append(frame)
            if len(frames) == envelopes[0].size:
                yield _joined(frames, envelopes.popleft().packets)
                frames = []
    yield from _empty(envelopes)


def _single(batches: Iterable[LightBatch], envelopes: deque[_Envelope]) -> Frames:
    """Each picture as a batch of its own, sharing memory; noted in `envelopes`."""
    for batch in batches:
        envelopes.append(_Envelope(len(batch), batch.packets, None if len(batch) else batch))
        # One copy a batch, rather than a wait for the device at every look at a frame.
        gains = None if batch.gains is None else batch.gains.cpu()
        for i, timing in enumerate(batch.timings):
            yield LightBatch(
                light=batch.light[i : i + 1],
                primaries=batch.primaries,
                timings=(timing,),
                thumbnails=batch.thumbnails[i : i + 1],
                gains=None if gains is None else gains[i : i + 1],
                alpha=None if batch.alpha is None else batch.alpha[i : i + 1],
            )


def _shots(frames: Frames) -> Iterator[Frames]:
    """Divides frames at cuts; each shot is to be used up before the next is asked for."""
    previous: Tensor | None = None
    number = 0

    def shot_number(frame: LightBatch) -> int:
        nonlocal previous, number
        thumbnail = frame.thumbnails[0]
        if previous is not None and is_cut(previous, thumbnail):
            number += 1
        previous = thumbnail
        return number

    return (shot for _, shot in groupby(frames, key=shot_number))


def _empty(envelopes: deque[_Envelope]) -> Iterator[LightBatch]:
    """Empty batches whose turn it is."""
    while envelopes and envelopes[0].empty is not None:
        yield envelopes[0].empty
        envelopes.popleft()


def _joined(frames: list[LightBatch], packets: Packets) -> LightBatch:
    first = frames[0]
    if len(frames) == 1:
        return replace(first, packets=packets)
    gains = [f.gains for f in frames if f.gains is not None]
    alphas = [f.alpha for f in frames if f.alpha is not None]
    return LightBatch(
        light=torch.cat([f.light for f in frames]),
        primaries=first.primaries,
        timings=tuple(t for f in frames for t in f.timings),
        thumbnails=torch.cat([f.thumbnails for f in frames]),
        gains=torch.cat(gains) if gains else None,
        packets=packets,
        alpha=torch.cat(alphas) if alphas else None,
    )

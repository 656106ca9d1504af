"""What a step of training makes smaller: reconstruction, and in the second phase stability too."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..network.expandnet import inner
from ..network.output import Parametrisation, absolute_pq
from .loss import (
    distillation_loss,
    published_reconstruction_loss,
    published_stability_loss,
    reconstruction_loss,
    stability_loss,
)
from .motion import inner_margin, moved
from .options import EDGE, Stability, TrainOptions
from .samples import SampleBatch

Logits = Callable[[Tensor, Tensor], Tensor]
"""The network: whole frames (N, 3, 256, 256) and parts of them (N, 3, S, S) to what goes into the sigmoid."""


def shown(logits: Tensor, signal: Tensor, target: Parametrisation) -> Tensor:
    """The network's output: a PQ signal for the absolute target, light in [0, 1] for the relative one."""
    return torch.sigmoid(logits) if target is Parametrisation.RELATIVE else absolute_pq(logits, signal)


def objective(options: TrainOptions, network: Logits, batch: SampleBatch, teacher: Logits | None = None) -> Tensor:
    """Loss of a batch: (1 − α)·reconstruction + α·stability, and the distance to a teacher's light; a scalar."""
    if options.stability is Stability.NONE:
        prediction = shown(network(batch.frames, batch.signal), batch.signal, options.target)
        loss = _reconstruction(options, prediction, batch)
        return loss if teacher is None else loss + _distillation(options, teacher, [prediction], batch)
    if batch.after is None or batch.frames_after is None:
        raise ValueError("a stability loss needs to know what comes after a sample")
    frames, signal = torch.cat([batch.frames, batch.frames_after]), torch.cat([batch.signal, batch.after])
    now, after = shown(network(frames, signal), signal, options.target).chunk(2)
    share = options.stability_share
    loss = (1 - share) * _reconstruction(options, now, batch) + share * _stability(options, now, after, batch)
    return loss if teacher is None else loss + _distillation(options, teacher, [now, after], batch)


def _distillation(options: TrainOptions, teacher: Logits, predictions: list[Tensor], batch: SampleBatch) -> Tensor:
    """Of the predictions of samples, and of what comes after them."""
    parts = [(batch.frames, batch.signal, batch.light), (batch.frames_after, batch.after, batch.light_after)]
    expected, lights, edge = [], [], EDGE[options.network]
    for frames, signal, light in parts[: len(predictions)]:
        assert frames is not None and signal is not None and light is not None  # SampleBatch sees to it
        with torch.no_grad():
            expected.append(inner(absolute_pq(teacher(frames, signal), signal), edge))
        lights.append(inner(light, edge))
    return distillation_loss([inner(prediction, edge) for prediction in predictions], expected, lights)


def _stability(options: TrainOptions, now: Tensor, after: Tensor, batch: SampleBatch) -> Tensor:
    """Of the predictions of samples and of what comes after them."""
    kind = options.stability
    if batch.motion is not None:
        expected = moved(now, batch.motion) if options.follow_motion else now
        margin = EDGE[options.network] + inner_margin(options.size)
        return published_stability_loss(inner(after, margin), inner(expected, margin), kind)
    assert batch.light_after is not None  # SampleBatch sees to it
    now, after, light, light_after = (
        inner(part, EDGE[options.network]) for part in (now, after, batch.light, batch.light_after)
    )
    return stability_loss(now, after, light, light_after, kind)


def _reconstruction(options: TrainOptions, prediction: Tensor, batch: SampleBatch) -> Tensor:
    compare = published_reconstruction_loss if options.target is Parametrisation.RELATIVE else reconstruction_loss
    edge = EDGE[options.network]
    return compare(inner(prediction, edge), inner(batch.light, edge))

"""Pairs of SDR picture and true light, each a function of its number alone.

Sample i of a seed is the same in every run, on every machine: that is what makes a training
resumable to the sample.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..codecs.intra import h264_round_trip
from ..colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from ..colour.signal import SignalFormat
from ..colour.ycbcr import dequantise, quantise, rgb_to_ycbcr, subsample_chroma, upsample_chroma, ycbcr_to_rgb
from ..network.expandnet import GLOBAL_SIZE
from .rendering import graded_light, random_rendering
from .scenes import Scene, panorama_view, photograph_view

VIEW_HEIGHT, VIEW_WIDTH = 270, 480
"""The frame that the camera takes; the network's global branch sees all of it."""

_SDR = SignalFormat(8, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709, ChromaLocation.LEFT)


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """A batch to learn from.

    Attributes:
        frames: (N, 3, 256, 256), R′G′B′ in [0, 1]: the whole frames, resized for the global branch.
        signal: (N, 3, S, S), R′G′B′ in [0, 1]: a part of each, as an SDR clip shows it.
        light: (N, 3, S, S), true light, 1 = SDR reference white.
    """

    frames: Tensor
    signal: Tensor
    light: Tensor


def _view(scenes: Sequence[Scene], rng: np.random.Generator) -> Tensor:
    """A random view of a random scene, (3, VIEW_HEIGHT, VIEW_WIDTH), linear, of any exposure."""
    scene = scenes[int(rng.integers(len(scenes)))]
    if not scene.panorama:
        left, top, zoom = rng.uniform(0, 1, 3)
        view = photograph_view(scene, left, top, 0.3 + 0.7 * zoom, VIEW_HEIGHT, VIEW_WIDTH)
    else:
        yaw, pitch = rng.uniform(-math.pi, math.pi), rng.normal(0, 0.3)
        view = panorama_view(scene, yaw, pitch, math.radians(rng.uniform(35, 95)), VIEW_HEIGHT, VIEW_WIDTH)
    return view.flip(-1) if rng.random() < 0.5 else view


def _exposed(view: Tensor, rng: np.random.Generator) -> Tensor:
    """Scales light so that 1 clips: a few per cent of the view most often, sometimes none or a lot."""
    kind = rng.choice(4, p=[0.75, 0.1, 0.1, 0.05])
    clipped = (rng.uniform(0.01, 0.1), 0.0, rng.uniform(0.1, 0.4), 0.0)[kind]
    level = torch.quantile(view.amax(0).flatten()[::7], 1 - clipped).clamp_min(1e-6)
    scale = (1.0, rng.uniform(0.5, 1.0), 1.0, rng.uniform(0.02, 0.2))[kind]  # the last: nearly black
    return view * (scale / level)


def _part(exposed: Tensor, size: int, rng: np.random.Generator) -> tuple[slice, slice, slice]:
    """The one of two random square parts that clips more: what clips is what there is to learn."""
    parts = []
    for _ in range(2):
        y, x = rng.integers(VIEW_HEIGHT - size + 1), rng.integers(VIEW_WIDTH - size + 1)
        parts.append((slice(None), slice(y, y + size), slice(x, x + size)))
    return max(parts, key=lambda part: float((exposed[part] > 1).float().mean()))


def _noisy(signal: Tensor, rng: np.random.Generator) -> Tensor:
    """Adds sensor noise, in half of the samples, up to about 2 codes of 8 bit."""
    if rng.random() < 0.5:
        return signal
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(signal.shape, generator=generator) * rng.uniform(0, 2 / 255)
    return (signal + noise * (signal > 0)).clamp(0, 1)


def _through_video(signal: Tensor, crf: int | None) -> Tensor:
    """R′G′B′ (N, 3, S, S) as 8-bit 4:2:0 video and back, compressed where `crf` is given."""
    codes = quantise(subsample_chroma(rgb_to_ycbcr(signal, _SDR.matrix), _SDR.chroma_location), _SDR)
    if crf is not None:
        codes = h264_round_trip(codes, crf)
    planes = upsample_chroma(dequantise(codes, _SDR), _SDR.chroma_location)
    return ycbcr_to_rgb(planes, _SDR.matrix).clamp(0, 1)


def sample_batch(scenes: Sequence[Scene], seed: int, step: int, batch_size: int, size: int) -> SampleBatch:
    """The batch of one training step, a pure function of its arguments.

    Args:
        scenes: to draw views from.
        seed: of the training.
        step: number of the batch.
        batch_size: samples in it.
        size: of the square parts, even, at most VIEW_HEIGHT.
    """
    rng = np.random.default_rng([seed, step])
    frames, signals, lights = [], [], []
    for _ in range(batch_size):
        exposed = _exposed(_view(scenes, rng), rng)
        rendering = random_rendering(rng)
        sdr = rendering(exposed.clamp(0, 1)).clamp(0, 1)
        part = _part(exposed, size, rng)
        frames.append(F.interpolate(sdr[None], (GLOBAL_SIZE, GLOBAL_SIZE), mode="bilinear", align_corners=False))
        signals.append(_noisy(sdr[part], rng))
        lights.append(graded_light(exposed[part], rendering))
    crf = int(rng.integers(12, 28)) if rng.random() < 0.75 else None
    return SampleBatch(torch.cat(frames), _through_video(torch.stack(signals), crf), torch.stack(lights))


def sample_batches(
    scenes: Sequence[Scene], seed: int, steps: range, batch_size: int, size: int
) -> Iterator[SampleBatch]:
    """The batches of a range of training steps."""
    for step in steps:
        yield sample_batch(scenes, seed, step, batch_size, size)

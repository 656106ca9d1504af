"""Pairs of SDR picture and true light, each a function of its number alone.

Sample i of a seed is the same in every run on a machine: that is what makes a training resumable
to the sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..network.expandnet import GLOBAL_SIZE
from ..network.output import Parametrisation
from .cameras import VIEW_HEIGHT, VIEW_WIDTH, random_shot
from .damage import Damage, random_damage
from .motion import moved, random_motion
from .rendering import graded_light, random_rendering
from .scenes import Scene, Window
from .tonemappers import random_tone_mapping, tone_mapped

LONGEST_CLIP = 7
"""Frames of the clips that are encoded for one sample: enough for the P and B pictures that real footage is made of."""


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """A batch to learn from.

    Attributes:
        frames: (N, 3, 256, 256), R′G′B′ in [0, 1]: the whole frames, resized for the global branch.
        signal: (N, 3, S, S), R′G′B′ in [0, 1]: a part of each, as an SDR clip shows it.
        light: (N, 3, S, S), true light: 1 = SDR reference white, or for the relative target in [0, 1].
        motion: (N, 2, 3), a small random motion for each; None unless stability is learned.
        copy: (N, 3, S, S), the parts moved by it. For the absolute target moved before noise and encoder came, and
            with those of its own, as the next frame of a clip has them.
    """

    frames: Tensor
    signal: Tensor
    light: Tensor
    motion: Tensor | None = None
    copy: Tensor | None = None

    def __post_init__(self) -> None:
        if (self.motion is None) != (self.copy is None):
            raise ValueError("motion and copy belong together")

    def to(self, device: torch.device) -> "SampleBatch":
        """The same on another device."""
        return SampleBatch(*(t.to(device, non_blocking=True) for t in self.tensors()))

    def pin_memory(self) -> "SampleBatch":
        """The same in memory that a GPU can copy from while others work; torch's `DataLoader` looks for this name."""
        return SampleBatch(*(t.pin_memory() for t in self.tensors()))

    def tensors(self) -> tuple[Tensor, ...]:
        """Those that there are, in the order of the attributes."""
        return tuple(t for t in (self.frames, self.signal, self.light, self.motion, self.copy) if t is not None)


def joined(samples: Sequence[SampleBatch]) -> SampleBatch:
    """One batch of several."""
    return SampleBatch(*(torch.cat(tensors) for tensors in zip(*(s.tensors() for s in samples), strict=True)))


@dataclass(frozen=True, slots=True)
class Clip:
    """Consecutive frames, as a video shows them, and their true light.

    Attributes:
        signal: (N, 3, H, W), R′G′B′ in [0, 1], after the encoder.
        light: (N, 3, H, W), 1 = SDR reference white.
        frame: (3, VIEW_HEIGHT, VIEW_WIDTH), R′G′B′ of the whole frame `time`, before the encoder.
        time: number of the frame that the exposure was chosen for.
        clean: `signal` before noise and encoder.
        damage: what was done to it.
    """

    signal: Tensor
    light: Tensor
    frame: Tensor
    time: int
    clean: Tensor
    damage: Damage


def _exposure(view: Tensor, rng: np.random.Generator) -> float:
    """What light is multiplied by so that 1 clips: a few per cent of the view most often, sometimes none or a lot."""
    kind = rng.choice(4, p=[0.75, 0.1, 0.1, 0.05])
    clipped = (rng.uniform(0.01, 0.1), 0.0, rng.uniform(0.1, 0.4), 0.0)[kind]
    level = torch.quantile(view.amax(0).flatten()[::7], 1 - clipped).clamp_min(1e-6)
    scale = (1.0, rng.uniform(0.5, 1.0), 1.0, rng.uniform(0.02, 0.2))[kind]  # the last: nearly black
    return float(scale / level)


def _window(exposed: Tensor, size: int, rng: np.random.Generator) -> Window:
    """The one of two random square windows that clips more: what clips is what there is to learn."""
    clipped = (exposed.amax(0) > 1).float()
    windows = []
    for _ in range(2):
        top, left = int(rng.integers(VIEW_HEIGHT - size + 1)), int(rng.integers(VIEW_WIDTH - size + 1))
        windows.append(Window(top, left, size, size))
    return max(windows, key=lambda w: float(clipped[w.top : w.top + size, w.left : w.left + size].mean()))


def random_clip(scene: Scene, count: int, size: int | None, rng: np.random.Generator) -> Clip:
    """A clip of a moving camera, rendered, encoded and decoded.

    Args:
        scene: that the camera is in.
        count: frames.
        size: of a random square window, even; None: the whole frames.
        rng: what is random comes from here, in a fixed order.
    """
    shot = random_shot(scene, rng)
    time = int(rng.integers(count))
    whole = shot.frame(time)
    exposure = _exposure(whole, rng)
    rendering = random_rendering(rng)
    window = None if size is None else _window(exposure * whole, size, rng)
    light = exposure * torch.stack([shot.frame(t, window) for t in range(count)])
    clean = rendering(light.clamp(0, 1)).clamp(0, 1)
    damage = random_damage(rng)
    frame = rendering((exposure * whole).clamp(0, 1)).clamp(0, 1)
    return Clip(damage.done_to(clean), graded_light(light, rendering), frame, time, clean, damage)


def _for_global_branch(frame: Tensor) -> Tensor:
    return F.interpolate(frame[None], (GLOBAL_SIZE, GLOBAL_SIZE), mode="bilinear", align_corners=False)


def _absolute_sample(scene: Scene, size: int, stability: bool, rng: np.random.Generator) -> SampleBatch:
    """A window of one frame of a clip; the clip is what gives it the damage of real footage."""
    clip = random_clip(scene, int(rng.integers(1, LONGEST_CLIP + 1)), size, rng)
    this = slice(clip.time, clip.time + 1)
    batch = SampleBatch(_for_global_branch(clip.frame), clip.signal[this], clip.light[this])
    if not stability:
        return batch
    motion = random_motion(rng, 1)
    copies = clip.damage.done_to(moved(clip.clean, motion.expand(len(clip.clean), 2, 3)), take=1)
    return replace(batch, motion=motion, copy=copies[this])


def _relative_sample(scene: Scene, size: int, stability: bool, rng: np.random.Generator) -> SampleBatch:
    """The pairs of the paper: a tone-mapped view, and its light scaled to [0, 1]; what is moved is the view's part.

    Reference:
        arXiv 1803.02266, section 4.2; arXiv 1902.10424, section 3.
    """
    view = random_shot(scene, rng).frame(0)
    light = view / view.max().clamp_min(1e-6)
    signal = tone_mapped(light[None], random_tone_mapping(rng, 1))[0]
    top, left = int(rng.integers(VIEW_HEIGHT - size + 1)), int(rng.integers(VIEW_WIDTH - size + 1))
    part = (..., slice(top, top + size), slice(left, left + size))
    batch = SampleBatch(_for_global_branch(signal), signal[None][part], light[None][part])
    if not stability:
        return batch
    motion = random_motion(rng, 1)
    return replace(batch, motion=motion, copy=moved(batch.signal, motion))


_SAMPLES = {Parametrisation.ABSOLUTE: _absolute_sample, Parametrisation.RELATIVE: _relative_sample}


def sample_batch(
    scenes: Sequence[Scene], target: Parametrisation, seed: int, numbers: range, size: int, stability: bool = False
) -> SampleBatch:
    """A batch of samples, each a pure function of the scenes, the seed and its number.

    Args:
        scenes: to draw shots from.
        target: what the light is to mean.
        seed: of the training.
        numbers: of the samples.
        size: of the square parts, even, at most VIEW_HEIGHT.
        stability: whether moved copies are wanted; the rest of a sample is the same with them.
    """
    samples = []
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        samples.append(_SAMPLES[target](scenes[int(rng.integers(len(scenes)))], size, stability, rng))
    return joined(samples)

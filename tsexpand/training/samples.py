"""Pairs of SDR picture and true light, each a function of its number alone.

Sample i of a seed is the same in every run on a machine: that is what makes a training resumable
to the sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from ..colour.codes import ChromaSampling
from ..network.expandnet import GLOBAL_SIZE, resized
from ..network.output import Parametrisation
from .cameras import VIEW_HEIGHT, VIEW_WIDTH, random_shot
from .damage import random_damage
from .graphics import fine_colour
from .motion import about, moved, random_motion
from .rendering import graded_light, random_rendering
from .scenes import Scene, Window
from .titles import random_titles
from .tonemappers import random_tone_mapping, tone_mapped

GRID = 8
"""Pixels within which a sample begins anywhere in what was encoded. Else a network that sees blocks of 4×4 pixels would
learn where chroma and the encoder's transforms lie among them, and depend on it."""

_FINE_COLOUR = {ChromaSampling.FULL: 0.5, ChromaSampling.HALF_WIDTH: 0.2}
"""Share of the clips, by what their chroma can show, with areas of colours as fine as pixels."""

TITLED = 0.08
"""Share of the samples for the absolute target with titles laid over them. Who has only seen scenes takes white letters
for light that clipped, and they glare; who sees many takes windows for letters."""

LONGEST_CLIP = 7
"""Frames of the clips that are encoded for one sample: enough for the P and B pictures that real footage is made of."""


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """A batch to learn from.

    Attributes:
        frames: (N, 3, 256, 256), R′G′B′ in [0, 1]: the whole frames, resized for the global branch.
        signal: (N, 3, S, S), R′G′B′ in [0, 1]: a part of each, as an SDR clip shows it.
        light: (N, 3, S, S), true light: 1 = SDR reference white, or for the relative target in [0, 1].
        frames_after: (N, 3, 256, 256), what `frames` are a little later, where stability is learned: the next frames
            of the clips; for the relative target the frames moved by `motion`.
        after: (N, 3, S, S), the same of `signal`.
        light_after: (N, 3, S, S), its true light; None for the relative target.
        motion: (N, 2, 3), a small random motion for each part, about its centre; None for the absolute target.
    """

    frames: Tensor
    signal: Tensor
    light: Tensor
    frames_after: Tensor | None = None
    after: Tensor | None = None
    light_after: Tensor | None = None
    motion: Tensor | None = None

    def __post_init__(self) -> None:
        later = self.after is not None
        if later != (self.frames_after is not None):
            raise ValueError("what is after a sample comes with its whole frame")
        if later != sum(t is not None for t in (self.light_after, self.motion)):
            raise ValueError("what is after a sample comes with its light or with its motion")

    def to(self, device: torch.device) -> "SampleBatch":
        """The same on another device."""
        return SampleBatch(**{name: t.to(device, non_blocking=True) for name, t in self.tensors().items()})

    def pin_memory(self) -> "SampleBatch":
        """The same in memory that a GPU can copy from while others work; torch's `DataLoader` looks for this name."""
        return SampleBatch(**{name: t.pin_memory() for name, t in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """Those that there are, by name."""
        return {f.name: t for f in fields(self) if (t := getattr(self, f.name)) is not None}


def joined(samples: Sequence[SampleBatch]) -> SampleBatch:
    """One batch of several of the same kind."""
    parts = [sample.tensors() for sample in samples]
    return SampleBatch(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


@dataclass(frozen=True, slots=True)
class Clip:
    """Consecutive frames, as a video shows them, and their true light.

    Attributes:
        signal: (N, 3, H, W), R′G′B′ in [0, 1], after the encoder.
        light: (N, 3, H, W), 1 = SDR reference white.
        frames: (1 or 2, 3, VIEW_HEIGHT, VIEW_WIDTH), R′G′B′ of the whole frame `time`, and where it was asked for of
            the next one, before the encoder, with titles and without fine colour drawn upon it.
        time: number of the frame that the exposure was chosen for.
    """

    signal: Tensor
    light: Tensor
    frames: Tensor
    time: int


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


def random_clip(
    scene: Scene, count: int, size: int | None, rng: np.random.Generator, with_next: bool = False, titled: bool = False
) -> Clip:
    """A clip of a moving camera, rendered, encoded and decoded.

    Args:
        scene: that the camera is in.
        count: frames.
        size: of a random square window, even; None: the whole frames.
        rng: what is random comes from here, in a fixed order.
        with_next: whether a frame comes after `time`, and is given whole too.
        titled: whether something is laid over its frames, in its window at least.
    """
    shot = random_shot(scene, rng)
    time = int(rng.integers(count - with_next))
    whole = shot.frame(time)
    exposure = _exposure(whole, rng)
    rendering = random_rendering(rng)
    window = None if size is None else _window(exposure * whole, size, rng)
    light = exposure * torch.stack([shot.frame(t, window) for t in range(count)])
    damage = random_damage(rng)
    if rng.random() < _FINE_COLOUR.get(damage.sampling, 0.0):
        light = light * fine_colour(light.shape[-2], light.shape[-1], rng)
    signal, truth = rendering(light.clamp(0, 1)).clamp(0, 1), graded_light(light, rendering)
    wholes = torch.stack([whole, shot.frame(time + 1)] if with_next else [whole])
    frames = rendering((exposure * wholes).clamp(0, 1)).clamp(0, 1)
    if titled:
        part = window or Window(0, 0, VIEW_HEIGHT, VIEW_WIDTH)
        titles = random_titles(VIEW_HEIGHT, VIEW_WIDTH, part, rng)
        frames = titles.over(frames)
        here = titles.part(part)
        signal, truth = here.over(signal), here.over_light(truth)
    return Clip(damage.done_to(signal), truth, frames, time)


def _for_global_branch(frames: Tensor) -> Tensor:
    return resized(frames, GLOBAL_SIZE)


def _absolute_sample(scene: Scene, size: int, stability: bool, rng: np.random.Generator) -> SampleBatch:
    """A window of one frame of a clip, or of two; the clip is what gives them the damage of real footage."""
    count = max(1 + stability, int(rng.integers(1, LONGEST_CLIP + 1)))
    clip = random_clip(scene, count, size + GRID, rng, stability, titled=rng.random() < TITLED)
    frames = _for_global_branch(clip.frames)
    top, left = rng.integers(GRID, size=2)
    part = (..., slice(top, top + size), slice(left, left + size))
    now, later = slice(clip.time, clip.time + 1), slice(clip.time + 1, clip.time + 2)
    batch = SampleBatch(frames[:1], clip.signal[now][part], clip.light[now][part])
    if not stability:
        return batch
    return replace(batch, frames_after=frames[1:], after=clip.signal[later][part], light_after=clip.light[later][part])


def _relative_sample(scene: Scene, size: int, stability: bool, rng: np.random.Generator) -> SampleBatch:
    """The pairs of the paper: a tone-mapped view, and its light scaled to [0, 1]; what is moved is the view's part.

    Reference:
        arXiv 1803.02266, section 4.2; arXiv 1902.10424, section 3.
    """
    view = random_shot(scene, rng).frame(0)
    light = view / view.max().clamp_min(1e-6)
    signal = tone_mapped(light[None], random_tone_mapping(rng, 1))
    top, left = int(rng.integers(VIEW_HEIGHT - size + 1)), int(rng.integers(VIEW_WIDTH - size + 1))
    part = (..., slice(top, top + size), slice(left, left + size))
    batch = SampleBatch(_for_global_branch(signal), signal[part], light[None][part])
    if not stability:
        return batch
    motion = random_motion(rng, 1)
    centre = (left + (size - VIEW_WIDTH) / 2, top + (size - VIEW_HEIGHT) / 2)
    later = moved(signal, about(motion, centre))
    return replace(batch, motion=motion, frames_after=_for_global_branch(later), after=later[part])


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
        size: of the square parts, even, at most VIEW_HEIGHT - GRID.
        stability: whether to add what comes after each sample.
    """
    samples = []
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        samples.append(_SAMPLES[target](scenes[int(rng.integers(len(scenes)))], size, stability, rng))
    return joined(samples)

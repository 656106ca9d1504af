"""Pairs of SDR picture and true light, each a function of its number alone.

Sample i of a seed is the same in every run on a machine: that is what makes a training resumable
to the sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..codecs.damage import round_trip, yuv420_of_swscale
from ..colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from ..colour.signal import SignalFormat
from ..colour.ycbcr import (
    Planes,
    dequantise,
    quantise,
    rgb_to_ycbcr,
    subsample_chroma,
    upsample_chroma,
    ycbcr_to_rgb,
)
from ..network.expandnet import GLOBAL_SIZE
from ..network.output import Parametrisation
from .cameras import VIEW_HEIGHT, VIEW_WIDTH, random_shot
from .motion import random_motion
from .rendering import graded_light, random_rendering
from .scenes import Scene, Window
from .tonemappers import random_tone_mapping, tone_mapped

LONGEST_CLIP = 7
"""Frames of the clips that are encoded for one sample: enough for the P and B pictures that real footage is made of."""

_SDR = SignalFormat(8, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709, ChromaLocation.LEFT)


@dataclass(frozen=True, slots=True)
class SampleBatch:
    """A batch to learn from.

    Attributes:
        frames: (N, 3, 256, 256), R′G′B′ in [0, 1]: the whole frames, resized for the global branch.
        signal: (N, 3, S, S), R′G′B′ in [0, 1]: a part of each, as an SDR clip shows it.
        light: (N, 3, S, S), true light: 1 = SDR reference white, or for the relative target in [0, 1].
        motion: (N, 2, 3), a small random motion for each, for the stability losses.
    """

    frames: Tensor
    signal: Tensor
    light: Tensor
    motion: Tensor

    def to(self, device: torch.device) -> "SampleBatch":
        """The same on another device."""
        return SampleBatch(*(t.to(device, non_blocking=True) for t in self._tensors()))

    def pin_memory(self) -> "SampleBatch":
        """The same in memory that a GPU can copy from while others work; torch's `DataLoader` looks for this name."""
        return SampleBatch(*(t.pin_memory() for t in self._tensors()))

    def _tensors(self) -> tuple[Tensor, ...]:
        return self.frames, self.signal, self.light, self.motion


def joined(samples: Sequence[SampleBatch]) -> SampleBatch:
    """One batch of several."""
    return SampleBatch(*(torch.cat(tensors) for tensors in zip(*(s._tensors() for s in samples), strict=True)))


@dataclass(frozen=True, slots=True)
class Clip:
    """Consecutive frames, as a video shows them, and their true light.

    Attributes:
        signal: (N, 3, H, W), R′G′B′ in [0, 1], after the encoder.
        light: (N, 3, H, W), 1 = SDR reference white.
        frame: (3, VIEW_HEIGHT, VIEW_WIDTH), R′G′B′ of the whole frame `time`, before the encoder.
        time: number of the frame that the exposure was chosen for.
    """

    signal: Tensor
    light: Tensor
    frame: Tensor
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


def _noisy(signal: Tensor, rng: np.random.Generator) -> Tensor:
    """Adds sensor noise, in half of the samples, up to about 2 codes of 8 bit."""
    if rng.random() < 0.5:
        return signal
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(signal.shape, generator=generator) * rng.uniform(0, 2 / 255)
    return (signal + noise * (signal > 0)).clamp(0, 1)


def _planes(signal: Tensor, rng: np.random.Generator) -> Planes:
    """8-bit 4:2:0 of R′G′B′ (N, 3, S, S): as FFmpeg converts, or with chroma exactly in its place."""
    if rng.random() < 0.5:
        return yuv420_of_swscale((signal * 255).round().byte())
    return quantise(subsample_chroma(rgb_to_ycbcr(signal, _SDR.matrix), _SDR.chroma_location), _SDR)


_REPEATABLE = {"x264-params": "mbtree=0"}
"""Of small pictures x264's macroblock tree gives one result or another, as memory happens to be."""


def _compressed(planes: Planes, rng: np.random.Generator) -> Planes:
    """What an encoder leaves of a clip: H.264 most often, of any quality; MPEG-2, JPEG; sometimes nothing is lost."""
    kind = rng.choice(4, p=[0.8, 0.06, 0.06, 0.08])
    if kind == 0:
        crf, preset = int(rng.integers(12, 28)), ("medium", "veryfast")[int(rng.integers(2))]
        return round_trip(planes, "libx264", {"crf": str(crf), "preset": preset, **_REPEATABLE})
    if kind == 3:
        return planes
    return round_trip(planes, ("mpeg2video", "mjpeg")[kind - 1], {"q": str(rng.integers(2, 7))})


def _shown(planes: Planes) -> Tensor:
    """R′G′B′ in [0, 1] of BT.709 4:2:0 codes, as `convert` decodes them."""
    upsampled = upsample_chroma(dequantise(planes, _SDR), _SDR.chroma_location)
    return ycbcr_to_rgb(upsampled, _SDR.matrix).clamp(0, 1)


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
    sdr = _noisy(rendering(light.clamp(0, 1)).clamp(0, 1), rng)
    shown = _shown(_compressed(_planes(sdr, rng), rng))
    frame = rendering((exposure * whole).clamp(0, 1)).clamp(0, 1)
    return Clip(shown, graded_light(light, rendering), frame, time)


def _for_global_branch(frame: Tensor) -> Tensor:
    return F.interpolate(frame[None], (GLOBAL_SIZE, GLOBAL_SIZE), mode="bilinear", align_corners=False)


def _absolute_sample(scene: Scene, size: int, rng: np.random.Generator) -> SampleBatch:
    """A window of one frame of a clip; the clip is what gives it the damage of real footage."""
    clip = random_clip(scene, int(rng.integers(1, LONGEST_CLIP + 1)), size, rng)
    this = slice(clip.time, clip.time + 1)
    return SampleBatch(_for_global_branch(clip.frame), clip.signal[this], clip.light[this], random_motion(rng, 1))


def _relative_sample(scene: Scene, size: int, rng: np.random.Generator) -> SampleBatch:
    """The pairs of the paper: a tone-mapped view, and its light scaled to [0, 1].

    Reference:
        arXiv 1803.02266, section 4.2.
    """
    view = random_shot(scene, rng).frame(0)
    light = view / view.max().clamp_min(1e-6)
    signal = tone_mapped(light[None], random_tone_mapping(rng, 1))[0]
    top, left = int(rng.integers(VIEW_HEIGHT - size + 1)), int(rng.integers(VIEW_WIDTH - size + 1))
    part = (..., slice(top, top + size), slice(left, left + size))
    return SampleBatch(_for_global_branch(signal), signal[None][part], light[None][part], random_motion(rng, 1))


_SAMPLES = {Parametrisation.ABSOLUTE: _absolute_sample, Parametrisation.RELATIVE: _relative_sample}


def sample_batch(scenes: Sequence[Scene], target: Parametrisation, seed: int, numbers: range, size: int) -> SampleBatch:
    """A batch of samples, each a pure function of the scenes, the seed and its number.

    Args:
        scenes: to draw shots from.
        target: what the light is to mean.
        seed: of the training.
        numbers: of the samples.
        size: of the square parts, even, at most VIEW_HEIGHT.
    """
    samples = []
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        samples.append(_SAMPLES[target](scenes[int(rng.integers(len(scenes)))], size, rng))
    return joined(samples)

"""What footage went through: a sensor's noise, 8 bits, subsampled chroma, an encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
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

_SDR = SignalFormat(8, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709, ChromaLocation.LEFT)

_REPEATABLE = {"x264-params": "mbtree=0"}
"""Of small pictures x264's macroblock tree gives one result or another, as memory happens to be."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One camera and one encoder, with their settings.

    Attributes:
        noise: standard deviation, in signal.
        seed: of the noise.
        swscale: whether FFmpeg's converter makes 4:2:0 of R′G′B′; else chroma is exactly in its place.
        encoder: FFmpeg's name; None: nothing more is lost.
        options: of the encoder.
    """

    noise: float
    seed: int
    swscale: bool
    encoder: str | None
    options: Mapping[str, str] = field(default_factory=dict)

    def done_to(self, signal: Tensor) -> Tensor:
        """A clip as `convert` decodes it after all that.

        Args:
            signal: (N, 3, H, W), R′G′B′ in [0, 1], consecutive frames; H and W even.

        Returns:
            R′G′B′ in [0, 1], same shape.
        """
        planes = self._planes(self._noisy(signal))
        if self.encoder is not None:
            planes = round_trip(planes, self.encoder, self.options)
        upsampled = upsample_chroma(dequantise(planes, _SDR), _SDR.chroma_location)
        return ycbcr_to_rgb(upsampled, _SDR.matrix).clamp(0, 1)

    def _noisy(self, signal: Tensor) -> Tensor:
        """Black stays black: there a sensor's noise is clipped."""
        if self.noise == 0:
            return signal
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(signal.shape, generator=generator) * self.noise
        return (signal + noise * (signal > 0)).clamp(0, 1)

    def _planes(self, signal: Tensor) -> Planes:
        """8-bit 4:2:0."""
        if self.swscale:
            return yuv420_of_swscale((signal * 255).round().byte())
        return quantise(subsample_chroma(rgb_to_ycbcr(signal, _SDR.matrix), _SDR.chroma_location), _SDR)


def random_damage(rng: np.random.Generator) -> Damage:
    """Draws noise, up to 2 codes in half of the cases, and an encoder: H.264 of any quality most often."""
    noise, seed = 0.0, 0
    if rng.random() >= 0.5:
        seed, noise = int(rng.integers(2**62)), rng.uniform(0, 2 / 255)
    swscale = bool(rng.random() < 0.5)
    kind = rng.choice(4, p=[0.8, 0.06, 0.06, 0.08])
    if kind == 0:
        crf, preset = int(rng.integers(12, 28)), ("medium", "veryfast")[int(rng.integers(2))]
        return Damage(noise, seed, swscale, "libx264", {"crf": str(crf), "preset": preset, **_REPEATABLE})
    if kind == 3:
        return Damage(noise, seed, swscale, None)
    return Damage(noise, seed, swscale, ("mpeg2video", "mjpeg")[kind - 1], {"q": str(rng.integers(2, 7))})

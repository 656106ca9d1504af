"""What footage went through: a sensor's noise, 8 bits, chroma subsampled most often, an encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..codecs.damage import round_trip, yuv420_of_swscale
from ..colour.codes import ChromaLocation, ChromaSampling, Matrix, Primaries, SignalRange, Transfer
from ..colour.shown import shown_signal
from ..colour.signal import SignalFormat
from ..colour.ycbcr import Planes, quantise, rgb_to_ycbcr, subsample_chroma

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
        sampling: of chroma, which the encoder must know; FFmpeg's converter is of 4:2:0 alone.
    """

    noise: float
    seed: int
    swscale: bool
    encoder: str | None
    options: Mapping[str, str] = field(default_factory=dict)
    sampling: ChromaSampling = ChromaSampling.HALF_BOTH

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
        return shown_signal(planes, _SDR)

    def _noisy(self, signal: Tensor) -> Tensor:
        """Black stays black: there a sensor's noise is clipped."""
        if self.noise == 0:
            return signal
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(signal.shape, generator=generator) * self.noise
        return (signal + noise * (signal > 0)).clamp(0, 1)

    def _planes(self, signal: Tensor) -> Planes:
        """8-bit codes."""
        if self.swscale:
            return yuv420_of_swscale((signal * 255).round().byte())
        ycbcr = rgb_to_ycbcr(signal, _SDR.matrix)
        return quantise(subsample_chroma(ycbcr, _SDR.chroma_location, self.sampling), _SDR)


_SAMPLINGS = (ChromaSampling.HALF_BOTH, ChromaSampling.HALF_WIDTH, ChromaSampling.FULL)


def random_damage(rng: np.random.Generator) -> Damage:
    """Draws noise, up to 2 codes in half of the cases, an encoder, H.264 of any quality most often, and chroma's share.

    Seven tenths are 4:2:0: who has only seen it takes fine colour for damage.
    """
    noise, seed = 0.0, 0
    if rng.random() >= 0.5:
        seed, noise = int(rng.integers(2**62)), rng.uniform(0, 2 / 255)
    swscale = bool(rng.random() < 0.5)
    kind = rng.choice(4, p=[0.76, 0.06, 0.06, 0.12])
    options: dict[str, str] = {}
    if kind == 0:
        crf, preset = int(rng.integers(12, 28)), ("medium", "veryfast")[int(rng.integers(2))]
        options = {"crf": str(crf), "preset": preset, **_REPEATABLE}
    elif kind < 3:
        options = {"q": str(rng.integers(2, 7))}
    sampling = _SAMPLINGS[int(rng.choice(3, p=[0.7, 0.1, 0.2]))]
    encoder = ("libx264", "mpeg2video", "mjpeg", None)[kind]
    if encoder == "mpeg2video" and sampling is ChromaSampling.FULL:
        sampling = ChromaSampling.HALF_WIDTH  # the most it has
    return Damage(noise, seed, swscale and sampling is ChromaSampling.HALF_BOTH, encoder, options, sampling)

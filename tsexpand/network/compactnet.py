"""A network of an eighth of ExpandNet's cost, made to learn from it.

Most of it sees the picture at half and quarter size, where a pixel costs a quarter and a sixteenth. Blocks at quarter
size multiply features by one another in the place of an activation.

Reference:
    L. Chen, X. Chu, X. Zhang, J. Sun, "Simple Baselines for Image Restoration" (2022), arXiv 2204.04676: the gates,
    depthwise convolutions, and branches that begin at nothing; the rest is ours.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .expandnet import CODE, GLOBAL_SIZE, convolved, global_branch, inner, resized

_HALF, _QUARTER = 48, 88
"""Channels at half and at quarter size."""

_BLOCKS = 6

_STEP = 4
"""Pixels of the frame that one at quarter size stands for, in each direction."""

_SMOOTHED = 2
"""Pixels around one that its `smoothed` value is made of."""

_FLAT = 1e-2
"""Mean square of features that counts as little: what is less is not made large."""


class GatedBlock(nn.Module):
    """Adds to features what some of them are, multiplied by others; at first nothing.

    Args:
        channels: of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.near = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.narrow = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor, padded: bool = True) -> Tensor:
        """(N, C, H, W) to the same, or without a pixel at every edge, which zeros beyond it would have gone into."""
        power = features.float().square().mean(1, keepdim=True)  # float16 has no squares of large ones
        scaled = features * (power + _FLAT).rsqrt().to(features.dtype)
        values, gates = convolved(self.near, self.widen(scaled), padded).chunk(2, 1)
        change: Tensor = self.narrow(values * gates)
        return change + (features if padded else inner(features, 1))


def smoothed(pictures: Tensor) -> Tensor:
    """A filter of 1 2 2 2 1 in both directions, which lets nothing pass that repeats every 2 or 4 pixels.

    What is flat stays so to the last bit, as all it takes are doublings.

    Args:
        pictures: (N, C, H + 4, W + 4), float32.

    Returns:
        (N, C, H, W).
    """
    for dim in (2, 3):
        for apart in (1, 2, 1):
            length = pictures.shape[dim] - apart
            pictures = pictures.narrow(dim, 0, length) + pictures.narrow(dim, apart, length)
    return pictures / 64


class CompactNet(nn.Module):
    """Half size around quarter size, and ExpandNet's global branch, which shifts the features of both.

    Like `ExpandNet` it gives what goes into a sigmoid. Layers that double the size know which of 4×4 pixels one is. For
    that not to be seen, what they say of light is smoothed, and what is sharp comes from the signal's own detail, mixed
    by a matrix for each pixel: where the signal is flat, so is the result.
    """

    halo = 32
    """Pixels around an output pixel on which it depends, a multiple of `_STEP`."""

    smallest_tile = 64
    """See `ExpandNet.smallest_tile`; of narrower ones, some layers at quarter size are rounded in another way."""

    cpu_tile = 512
    """See `ExpandNet.cpu_tile`; of smaller ones more is halo, which takes longer."""

    multiply_adds = 23_658
    """A pixel, of the layers, without the global branch."""

    def __init__(self) -> None:
        super().__init__()
        self.glob_net = global_branch()
        self.stem = nn.Conv2d(3, _HALF, 6, stride=2, padding=2)
        self.stem_shift = nn.Linear(CODE, _HALF)
        self.before = nn.Conv2d(_HALF, _HALF, 3, padding=1)
        self.down = nn.Conv2d(_HALF, _QUARTER, 2, stride=2)
        self.down_shift = nn.Linear(CODE, _QUARTER)
        self.blocks = nn.ModuleList(GatedBlock(_QUARTER) for _ in range(_BLOCKS))
        self.up = nn.Conv2d(_QUARTER, 4 * _HALF, 1)
        self.after = nn.Conv2d(_HALF, _HALF, 3, padding=1)
        self.last = nn.Conv2d(_HALF, 4 * (3 + 9), 1)

    def global_features(self, signal: Tensor) -> Tensor:
        """The global branch: whole frames (N, 3, H, W), R′G′B′ in [0, 1], of any size, to (N, 64)."""
        code: Tensor = self.glob_net(resized(signal, GLOBAL_SIZE))
        return code.flatten(1)

    def expand(self, signal: Tensor, global_features: Tensor, padded: bool = True) -> Tensor:
        """The rest, see `ExpandNet.expand`.

        Args:
            signal: (N, 3, H, W), whole frames or parts of them, R′G′B′ in [0, 1]; parts begin at multiples of 4.
            global_features: (N, 64), from `global_features` of the whole frames.
            padded: whether layers see zeros beyond the signal; else they take its halo away.

        Returns:
            (N, 3, H, W), float32, before the sigmoid; not padded (N, 3, H - 2·halo, W - 2·halo).
        """
        height, width = signal.shape[-2:]
        whole = F.pad(signal, (0, -width % _STEP, 0, -height % _STEP), mode="replicate")
        features = self._features(whole, global_features, padded)
        with torch.autocast(signal.device.type, enabled=False):  # 10-bit light needs more than 8 bits of mantissa
            pixels = features.float().permute(0, 2, 3, 1)  # not as a convolution: its roundings depend on the threads
            said = F.linear(pixels, self.last.weight.float()[:, :, 0, 0], self.last.bias).permute(0, 3, 1, 2)
            said, guide = F.pixel_shuffle(said, 2).contiguous(), whole.float()
            if padded:
                said, guide = (F.pad(pixels, (_SMOOTHED,) * 4, mode="replicate") for pixels in (said, guide))
            else:
                guide = inner(guide, self.halo - _SMOOTHED)
            logits = self._guided(said, guide)
        rim = 0 if padded else 2 * self.halo
        return logits[..., : height - rim, : width - rim]

    @staticmethod
    def _guided(said: Tensor, signal: Tensor) -> Tensor:
        """Logits (N, 3, H - 4, W - 4).

        Args:
            said: (N, 12, H, W), by the last layer: three logits, and for each channel what its detail adds to them.
            signal: (N, 3, H, W).
        """
        detail = inner(signal, _SMOOTHED) - smoothed(signal)
        mixing = inner(said[:, 3:], _SMOOTHED)
        logits = smoothed(said[:, :3])
        for channel in range(3):  # products and sums apart: together, they may be rounded once or twice
            logits = logits + mixing[:, 3 * channel : 3 * channel + 3] * detail[:, channel : channel + 1]
        return logits

    def _features(self, signal: Tensor, code: Tensor, padded: bool) -> Tensor:
        """At half size."""
        # bfloat16 can't tell bright 8-bit codes apart; a ramp was off by 0.8 of its steps with the first layer alone.
        code = code.float()
        with torch.autocast(signal.device.type, enabled=False):
            half = convolved(self.stem, 2 * signal - 1, padded) + self.stem_shift(code)[..., None, None]
            half = F.selu(convolved(self.before, F.selu(half, inplace=True), padded), inplace=True)
        quarter = self.down(half)
        quarter = quarter + self.down_shift(code)[..., None, None]
        for block in self.blocks:
            quarter = block(quarter, padded)
        joined = F.pixel_shuffle(self.up(quarter), 2)
        if not padded:
            half = inner(half, 2 * _BLOCKS)
        return F.selu(convolved(self.after, joined + half, padded), inplace=True)

    def forward(self, signal: Tensor) -> Tensor:
        """Whole frames at once: (N, 3, H, W) R′G′B′ in [0, 1] to (N, 3, H, W) before the sigmoid."""
        return self.expand(signal, self.global_features(signal))

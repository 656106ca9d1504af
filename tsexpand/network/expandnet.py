"""ExpandNet, layer for layer as published.

Reference:
    D. Marnerides, T. Bashford-Rogers, J. Hatchett, K. Debattista, "ExpandNet: A Deep
    Convolutional Neural Network for High Dynamic Range Expansion from Low Dynamic Range
    Content", Computer Graphics Forum 37 (2018), arXiv 1803.02266.
"""

from functools import cache
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GLOBAL_SIZE = 256
"""Height and width to which the frame is resized for the global branch."""

HALO = 8
"""Pixels around an output pixel on which it depends: four 3×3 layers of dilation 2."""

CODE = 64
"""Values that the global branch makes of a frame."""

FUSED = 64
"""Channels of the fusion, and so of what the global branch adds to it."""

_LOCAL = 128
_MID = 64

_LOCAL_HALO = 2
"""Of the local branch alone: two 3×3 layers."""


def resized(pictures: Tensor, size: int) -> Tensor:
    """Pictures (N, C, H, W) as squares (N, C, size, size), by bilinear interpolation without a filter.

    What `F.interpolate` does, but for its roundings, which depend on the number of threads.
    """
    neighbours = _neighbours if torch.compiler.is_compiling() else _kept_neighbours
    for dim in (2, 3):
        before, after, share = neighbours(pictures.shape[dim], size, pictures.device)
        near = [pictures.index_select(dim, index) for index in (before, after)]
        pictures = near[0].lerp(near[1], share.to(pictures).view(-1, *(1,) * (3 - dim)))
    return pictures


def _neighbours(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Where `size` places on a line of pixels lie: the pixels before and after each, and the share of the latter."""
    places = (torch.arange(size, dtype=torch.float64) + 0.5) * (length / size) - 0.5
    places = places.clamp(0, length - 1)
    before = places.long()
    after = (before + 1).clamp_max(length - 1)
    return before.to(device), after.to(device), (places - before).float().to(device)


@cache  # as those of `constants`
@torch.inference_mode(False)  # or they could be part of no training
def _kept_neighbours(length: int, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The same, copied to a device once: a GPU would be waited for at every frame."""
    return _neighbours(length, size, device)


def _layer(inputs: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation)
    return nn.Sequential(convolution, nn.SELU(inplace=True))


def global_branch() -> nn.Sequential:
    """Of pictures (N, 3, `GLOBAL_SIZE`, `GLOBAL_SIZE`): (N, `CODE`, 1, 1)."""
    further = (_layer(64, 64, 3, 2, 1) for _ in range(5))
    return nn.Sequential(_layer(3, 64, 3, 2, 1), *further, nn.Conv2d(64, CODE, 4, 1, 0))


def inner(pictures: Tensor, margin: int) -> Tensor:
    """Pictures (..., H, W) without so many pixels at every edge."""
    return pictures[..., margin : pictures.shape[-2] - margin, margin : pictures.shape[-1] - margin]


def convolved(layer: nn.Module, features: Tensor, padded: bool) -> Tensor:
    """A convolution and its SELU, if it has one; with its padding or without."""
    convolution, *activation = layer if isinstance(layer, nn.Sequential) else [layer]
    convolution = cast(nn.Conv2d, convolution)
    padding = convolution.padding if padded else 0
    weight, bias, stride = convolution.weight, convolution.bias, convolution.stride
    result = F.conv2d(features, weight, bias, stride, padding, convolution.dilation, convolution.groups)
    return F.selu(result, inplace=True) if activation else result


class ExpandNet(nn.Module):
    """Local, dilated and global branches, fused by 1×1 convolutions; 456,899 parameters.

    The last layer of the publication, a sigmoid, is not part of this module: `forward` gives
    what goes into it, and `tsexpand.network.output` turns that into light.

    The global branch is one 64-vector a frame, so its share of the fusion is a bias a frame;
    the fusion of the other two is a sum of two 1×1 convolutions. Hence no tensor of 256
    channels is ever built.
    """

    halo = HALO

    smallest_tile = 8
    """Height and width of parts, without their halo, that are computed like larger ones."""

    cpu_tile = 192
    """Height and width of tiles whose features stay near a CPU's cache."""

    multiply_adds = 200_256
    """A pixel of the full-resolution part, by the definition of its layers with the fusion split."""

    def __init__(self) -> None:
        super().__init__()
        self.local_net = nn.Sequential(_layer(3, 64, 3, 1, 1), _layer(64, _LOCAL, 3, 1, 1))
        self.mid_net = nn.Sequential(
            _layer(3, 64, 3, 1, 2, 2),
            _layer(64, 64, 3, 1, 2, 2),
            _layer(64, 64, 3, 1, 2, 2),
            nn.Conv2d(64, _MID, 3, 1, 2, 2),
        )
        self.glob_net = global_branch()
        self.end_net = nn.Sequential(_layer(256, FUSED, 1, 1, 0), nn.Conv2d(FUSED, 3, 1, 1, 0))

    @property
    def _fusion(self) -> nn.Conv2d:
        return cast(nn.Conv2d, cast(nn.Sequential, self.end_net[0])[0])

    @property
    def last(self) -> nn.Conv2d:
        """The last layer."""
        return cast(nn.Conv2d, self.end_net[1])

    def global_features(self, signal: Tensor) -> Tensor:
        """The global branch, seen through the fusion.

        Args:
            signal: (N, 3, H, W), whole frames, R′G′B′ in [0, 1], of any size.

        Returns:
            (N, 64), the share of the fusion layer that is the same for all pixels of a frame.
        """
        code = self.glob_net(resized(signal, GLOBAL_SIZE)).flatten(1)
        fusion = self._fusion
        weight = fusion.weight[:, _LOCAL + _MID :, 0, 0]
        return F.linear(code, weight, fusion.bias)

    def expand(self, signal: Tensor, global_features: Tensor, padded: bool = True) -> Tensor:
        """The full-resolution part.

        Args:
            signal: (N, 3, H, W), whole frames or parts of them, R′G′B′ in [0, 1].
            global_features: (N, 64), from `global_features` of the whole frames.
            padded: whether layers see zeros beyond the signal, as published; else they take its halo away, and compute
                no pixel of it in vain.

        Returns:
            (N, 3, H, W), float32, before the sigmoid; exact where the `HALO` around a pixel lies within the part or
            beyond the frame. Not padded (N, 3, H - 2·HALO, W - 2·HALO), all of it exact.
        """
        rim = 0 if padded else HALO - _LOCAL_HALO
        near = inner(signal, rim)
        weight = self._fusion.weight
        # One branch after the other, and sums in place, so that as little is held as can be.
        fused = F.conv2d(self._branch(self.local_net, near, padded), weight[:, :_LOCAL])
        fused += F.conv2d(self._branch(self.mid_net, signal, padded), weight[:, _LOCAL : _LOCAL + _MID])
        fused += global_features[:, :, None, None].to(fused.dtype)
        fused = F.selu(fused, inplace=True)
        last = self.last
        with torch.autocast(signal.device.type, enabled=False):  # 10-bit light needs more than 8 bits of mantissa
            pixels = fused.float().permute(0, 2, 3, 1)  # not as a convolution: its roundings depend on the threads
            return F.linear(pixels, last.weight.float()[:, :, 0, 0], last.bias).permute(0, 3, 1, 2)

    @staticmethod
    def _branch(layers: nn.Sequential, signal: Tensor, padded: bool) -> Tensor:
        with torch.autocast(signal.device.type, enabled=False):  # bfloat16 can't tell bright 8-bit codes apart
            features = convolved(layers[0], signal, padded)
        for layer in list(layers)[1:]:
            features = convolved(layer, features, padded)
        return features

    def forward(self, signal: Tensor) -> Tensor:
        """Whole frames at once: (N, 3, H, W) R′G′B′ in [0, 1] to (N, 3, H, W) before the sigmoid."""
        return self.expand(signal, self.global_features(signal))

"""The full-resolution part of ExpandNet by its convolutions as they are, to be compiled.

For CPUs that multiply whole matrices at once (AMX): there a convolution takes less time than the transforms that would
spare it three quarters of its multiplications.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .expandnet import HALO
from .features import activated, first, logits
from .kernels import Kernels


class FullResolution(nn.Module):
    """`ExpandNet.expand` on one part of a frame with all of its halo."""

    def forward(self, signal: Tensor, global_features: Tensor, kernels: Kernels) -> Tensor:
        """Logits of a part.

        Args:
            signal: (1, 3, h + 2·HALO, w + 2·HALO), R′G′B′ in [0, 1], channels last.
            global_features: (1, 64), from `ExpandNet.global_features` of the whole frame.
            kernels: of the network, see `kernels_of`.

        Returns:
            (1, 3, h, w), float32, before the sigmoid.
        """
        own = slice(HALO - 2, 2 - HALO)
        inner = signal[..., own, own].contiguous(memory_format=torch.channels_last)
        local = first(inner, "local_first", 1, kernels)
        local = _convolved(local, kernels["local"], 1, activated("local", kernels))
        share = torch.unflatten(torch.mm(local.flatten(0, 1), kernels["fusion"]), 0, local.shape[:2])
        mid = first(signal, "mid_first", 2, kernels)
        mid = _convolved(mid, kernels["mid_1"], 2, activated("mid_1", kernels))
        mid = _convolved(mid, kernels["mid_2"], 2, activated("mid_2", kernels))
        mid = _convolved(mid, kernels["mid_3"], 2, lambda results: results)
        return logits(share, mid, global_features, kernels).permute(2, 0, 1)[None]


def _convolved(features: Tensor, kernel: Tensor, dilation: int, then: Callable[[Tensor], Tensor]) -> Tensor:
    """A 3×3 convolution (O, I, 3, 3), and what is done to its results in float32.

    Returns:
        Of features (H, W, I): (H - 2·dilation, W - 2·dilation, O).
    """
    results = F.conv2d(features.permute(2, 0, 1)[None], kernel, dilation=dilation)[0].permute(1, 2, 0)
    return then(results.float()).to(kernel.dtype)

"""The ways in which compiled code computes the full-resolution part on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import direct, winograd
from .expandnet import ExpandNet
from .kernels import Kernels, kernels_of
from .minimal_filtering import transformed
from .tiling import ALIGNMENT


@dataclass(frozen=True, slots=True)
class Method:
    """One of them.

    Attributes:
        name: of it.
        module: makes what is compiled: `ExpandNet.expand` on one part of a frame.
        transformed: what it takes in the place of the weights of a 3×3 layer.
        block: places and sizes of parts are multiples of it.
        beyond: pixels below and right of the halo that it computes with.
        saved: share of the time of the layers one by one that it saves, at least.
    """

    name: str
    module: Callable[[], nn.Module]
    transformed: Callable[[Tensor], Tensor]
    block: int
    beyond: int
    saved: float

    def kernels(self, network: ExpandNet, dtype: torch.dtype) -> Kernels:
        """The weights of a network as it takes them, for products in a number type."""
        return kernels_of(network, dtype, self.transformed)


WINOGRAD = Method("winograd", winograd.FullResolution, transformed, winograd.BLOCK, winograd.BEYOND, 0.4)
DIRECT = Method("direct", direct.FullResolution, lambda weight: weight, ALIGNMENT, 0, 0.2)
METHODS = {method.name: method for method in (WINOGRAD, DIRECT)}


def method_for(dtype: torch.dtype) -> Method:
    """The fastest on this CPU for products in a number type."""
    return DIRECT if dtype is torch.bfloat16 and multiplies_matrices() else WINOGRAD


def multiplies_matrices() -> bool:
    """Whether the CPU multiplies matrices of bfloat16 at once, and the system lets it: AMX."""
    allowed = getattr(torch.cpu, "_init_amx", lambda: True)  # asks the system, as PyTorch's own products do
    return bool(torch.cpu.get_capabilities().get("amx_bf16")) and allowed()

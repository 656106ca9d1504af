"""The ways in which compiled code computes the full-resolution part on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from . import direct, winograd
from .expandnet import ExpandNet
from .kernels import Kernels, kernels_of
from .minimal_filtering import transformed


@dataclass(frozen=True, slots=True)
class Method:
    """One of them.

    Attributes:
        name: of it.
        source: what is compiled: `ExpandNet.expand` on one part of a frame. Made as a module, for parts of one size, or
            in C++, for parts of any.
        kernels: the weights of a network as it takes them, for products in a number type.
        block: places and sizes of parts are multiples of it.
        beyond: pixels below and right of the halo that it computes with.
        saved: share of the time of the layers one by one that it saves, at least.
        seconds: that it takes to be compiled, about.
    """

    name: str
    source: Callable[[], nn.Module] | Path
    kernels: Callable[[ExpandNet, torch.dtype], Kernels]
    block: int
    beyond: int
    saved: float
    seconds: float

    @property
    def any_size(self) -> bool:
        """Whether what is compiled once serves parts of any size."""
        return isinstance(self.source, Path)


WINOGRAD = Method(
    name="winograd",
    source=winograd.FullResolution,
    kernels=partial(kernels_of, transformed=transformed),
    block=winograd.BLOCK,
    beyond=winograd.BEYOND,
    saved=0.4,
    seconds=60.0,
)
DIRECT = Method(
    name="direct",
    source=direct.SOURCE,
    kernels=direct.arranged_kernels,
    block=1,
    beyond=0,
    saved=0.5,
    seconds=10.0,
)
METHODS = {method.name: method for method in (WINOGRAD, DIRECT)}


def method_for(dtype: torch.dtype) -> Method:
    """The fastest on this CPU for products in a number type."""
    return DIRECT if dtype is torch.bfloat16 and multiplies_matrices() else WINOGRAD


def multiplies_matrices() -> bool:
    """Whether the CPU multiplies matrices of bfloat16 at once, and the system lets it: AMX."""
    allowed = getattr(torch.cpu, "_init_amx", lambda: True)  # asks the system, as PyTorch's own products do
    return bool(torch.cpu.get_capabilities().get("amx_bf16")) and allowed()

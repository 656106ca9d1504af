"""The ways in which compiled code computes the full-resolution part on a CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from . import direct, winograd
from .expandnet import ExpandNet
from .kernels import Kernels


@dataclass(frozen=True, slots=True)
class Method:
    """One of them: `ExpandNet.expand` on one part of a frame.

    Attributes:
        name: of it.
        source: in C++.
        kernels: the weights of a network as it takes them, for products in a number type.
        block: places and sizes of parts are multiples of it.
        beyond: pixels below and right of the halo that it computes with.
        saved: share of the time of the layers one by one that it saves, at least, where it was measured: with
            AVX512 and with AMX.
    """

    name: str
    source: Path
    kernels: Callable[[ExpandNet, torch.dtype], Kernels]
    block: int
    beyond: int
    saved: float


WINOGRAD = Method("winograd", winograd.SOURCE, winograd.kernels_of, winograd.BLOCK, winograd.BEYOND, 0.6)
DIRECT = Method("direct", direct.SOURCE, direct.kernels_of, 1, 0, 0.6)
METHODS = {method.name: method for method in (WINOGRAD, DIRECT)}


def method_for(dtype: torch.dtype) -> Method:
    """The fastest on this CPU for products in a number type."""
    return DIRECT if dtype is torch.bfloat16 and multiplies_matrices() else WINOGRAD


def multiplies_matrices() -> bool:
    """Whether the CPU multiplies matrices of bfloat16 at once, and the system lets it: AMX."""
    allowed = getattr(torch.cpu, "_init_amx", lambda: True)  # asks the system, as PyTorch's own products do
    return bool(torch.cpu.get_capabilities().get("amx_bf16")) and allowed()

"""Compiled code, run by its C interface: a call through ctypes does not hold Python's lock."""

import ctypes
from ctypes import c_int, c_long, c_void_p
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DeviceError
from ..network.expandnet import HALO
from ..network.kernels import Kernels
from ..network.methods import Method


class CompiledCode:
    """The full-resolution part, compiled; any threads may run it at the same time.

    Args:
        library: it may be removed once it is loaded.
        method: that it was made of.

    Raises:
        OSError, AttributeError: it is no such library that can be loaded here.
    """

    def __init__(self, library: Path, method: Method) -> None:
        self._more = 2 * HALO + method.beyond
        self._block = method.block
        self._expand = ctypes.CDLL(str(library)).expand
        self._expand.restype = c_int
        self._expand.argtypes = [c_void_p, c_long, c_long, c_void_p, c_void_p, c_void_p, c_void_p]

    def __call__(self, signal: Tensor, global_features: Tensor, kernels: Kernels) -> Tensor:
        """Logits of a part of a frame, before the sigmoid: (1, 3, h, w), float32.

        Args:
            signal: (1, 3, h + 2·HALO + `beyond`, w + 2·HALO + `beyond`), R′G′B′ in [0, 1], channels last; h and w are
                multiples of the method's `block`.
            global_features: (1, 64), from `ExpandNet.global_features` of the whole frame.
            kernels: of the method.

        Raises:
            DeviceError: there is no memory for what is in between.
            ValueError: the tensors are not of these kinds.
        """
        height, width = (length - self._more for length in signal.shape[2:])
        logits = torch.empty(1, 3, height, width)
        tensors = (signal.permute(0, 2, 3, 1), global_features, *kernels, logits)
        dtypes = [tensor.dtype for tensor in tensors if tensor is not kernels.products]
        if len(signal) != 1 or height % self._block or width % self._block or set(dtypes) != {torch.float32}:
            raise ValueError(f"not a part of a frame: {tuple(signal.shape)}, {set(dtypes)}")
        if not all(tensor.is_contiguous() for tensor in tensors):
            raise ValueError("not as it lies in memory")
        given, *rest = (tensor.data_ptr() for tensor in tensors)
        if self._expand(given, height, width, *rest):
            raise DeviceError(f"cpu: out of memory for a tile of {width}×{height} pixels; try a smaller --tile")
        return logits

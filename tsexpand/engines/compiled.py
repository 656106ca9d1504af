"""Compiled code, run by its C interface: AOTInductor's, or that of our own.

PyTorch's own binding holds Python's lock while it runs, so that of several threads one would run at a time; a call
through ctypes does not.

Reference:
    PyTorch 2.13, torch/csrc/inductor/aoti_runtime/interface.h.
"""

import ctypes
import weakref
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_long, c_size_t, c_void_p, py_object
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor
from torch._C._aoti import alloc_tensors_by_stealing_from_void_ptrs, unsafe_alloc_void_ptrs_from_tensors

from ..network.expandnet import HALO
from ..network.methods import Method

Code = Callable[..., Tensor]
"""A function of tensors on the CPU that gives one tensor."""

_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype, _pointer_in.argtypes = c_void_p, [py_object, c_char_p]
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype, _capsule.argtypes = py_object, [c_void_p, c_char_p, c_void_p]


class InductorCode:
    """A module that PyTorch has compiled.

    Args:
        library: made by AOTInductor; it may be removed once it is loaded.
        at_once: threads that may run it at the same time.

    Raises:
        OSError: it is no library that can be loaded here.
        RuntimeError: it can be loaded, and does not work.
    """

    def __init__(self, library: Path, at_once: int) -> None:
        functions = ctypes.CDLL(str(library))
        self._handle = c_void_p()
        create = functions.AOTInductorModelContainerCreateWithDevice
        create.restype, create.argtypes = c_int, [c_void_p, c_size_t, c_char_p, c_char_p]
        _check(create(byref(self._handle), at_once, b"cpu", None))
        self._run = functions.AOTInductorModelContainerRun
        self._run.restype = c_int
        self._run.argtypes = [c_void_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_void_p]
        delete = functions.AOTInductorModelContainerDelete
        delete.restype, delete.argtypes = c_int, [c_void_p]
        weakref.finalize(self, delete, self._handle).atexit = False  # torch may be gone by then

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Runs it; as many as `at_once` threads may do so at a time, others wait.

        Raises:
            RuntimeError: it failed; what is wrong stands on stderr.
        """
        # Handles of their own, which the call takes over, as we do that of the result.
        handles = [_pointer_in(capsule, None) for capsule in unsafe_alloc_void_ptrs_from_tensors(list(inputs))]
        given, result = (c_void_p * len(handles))(*handles), c_void_p()
        _check(self._run(self._handle, given, len(handles), byref(result), 1, None, None))
        # Not the function for one tensor, which never lets go of it (torch 2.13).
        return alloc_tensors_by_stealing_from_void_ptrs([_capsule(result, None, None)])[0]


class DirectCode:
    """`direct.cpp`, compiled; any threads may run it at the same time.

    Args:
        library: it may be removed once it is loaded.

    Raises:
        OSError, AttributeError: it is no such library that can be loaded here.
    """

    def __init__(self, library: Path) -> None:
        self._expand = ctypes.CDLL(str(library)).expand
        self._expand.restype = c_int
        self._expand.argtypes = [c_void_p, c_long, c_long, c_void_p, c_void_p, c_void_p, c_void_p]

    def __call__(self, signal: Tensor, global_features: Tensor, products: Tensor, exact: Tensor) -> Tensor:
        """Logits of a part of a frame: (1, 3, h, w).

        Args:
            signal: (1, 3, h + 2·HALO, w + 2·HALO), R′G′B′ in [0, 1], channels last.
            global_features: (1, 64), from `ExpandNet.global_features` of the whole frame.
            products: see `arranged_kernels`.
            exact: likewise.

        Raises:
            RuntimeError: there is no memory for what is in between.
        """
        height, width = (length - 2 * HALO for length in signal.shape[2:])
        logits = torch.empty(1, 3, height, width)
        tensors = (signal.permute(0, 2, 3, 1), global_features, products, exact, logits)
        if not all(tensor.is_contiguous() for tensor in tensors):
            raise ValueError("not as it lies in memory")
        given, *rest = (tensor.data_ptr() for tensor in tensors)
        _check(self._expand(given, height, width, *rest))
        return logits


def loaded(package: Path, method: Method, at_once: int, folder: Path) -> Code:
    """The code in an archive, which its checksum vouches for: half of it would kill us.

    Args:
        package: the archive.
        method: that was compiled.
        at_once: threads that may run it at the same time.
        folder: where the library may be written, and removed afterwards.

    Raises:
        BadZipFile: it is damaged.
        OSError, RuntimeError, AttributeError: see `InductorCode` and `DirectCode`.
    """
    with ZipFile(package) as archive:
        names = [name for name in archive.namelist() if name.endswith(".so")]
        if len(names) != 1:
            raise BadZipFile(f"{len(names)} libraries")
        library = archive.read(names[0])
    file = folder / "expand.so"
    file.write_bytes(library)
    return DirectCode(file) if method.any_size else InductorCode(file, at_once)


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"compiled code failed with status {status}")

"""Compiled code, run by AOTInductor's C interface.

PyTorch's own binding holds Python's lock while it runs, so that of several threads one would run at a time; a call
through ctypes does not.

Reference:
    PyTorch 2.13, torch/csrc/inductor/aoti_runtime/interface.h.
"""

import ctypes
import weakref
from ctypes import byref, c_char_p, c_int, c_size_t, c_void_p, py_object
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from torch import Tensor
from torch._C._aoti import alloc_tensors_by_stealing_from_void_ptrs, unsafe_alloc_void_ptrs_from_tensors

_pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_in.restype, _pointer_in.argtypes = c_void_p, [py_object, c_char_p]
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype, _capsule.argtypes = py_object, [c_void_p, c_char_p, c_void_p]


class CompiledCode:
    """A function of tensors on the CPU that gives one tensor.

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


def loaded(package: Path, at_once: int, folder: Path) -> CompiledCode:
    """The code in a package of AOTInductor's, which the checksum of the archive vouches for: half of it would kill us.

    Args:
        package: the archive.
        at_once: see `CompiledCode`.
        folder: where the library may be written, and removed afterwards.

    Raises:
        BadZipFile: it is damaged.
        OSError, RuntimeError, AttributeError: see `CompiledCode`.
    """
    with ZipFile(package) as archive:
        names = [name for name in archive.namelist() if name.endswith(".so")]
        if len(names) != 1:
            raise BadZipFile(f"{len(names)} libraries")
        library = archive.read(names[0])
    file = folder / "expand.so"
    file.write_bytes(library)
    return CompiledCode(file, at_once)


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"compiled code failed with status {status}")

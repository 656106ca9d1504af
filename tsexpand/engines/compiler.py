"""The compiler of the network's full-resolution part: a process of its own.

It needs memory and modules that the conversion does not.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZipFile

import torch
from torch import Tensor, nn

from ..errors import first_line
from ..network.expandnet import HALO, ExpandNet
from ..network.kernels import Kernels
from ..network.methods import METHODS, Method, multiplies_matrices
from .compiled import loaded
from .devices import dtype_name

TIME_LIMIT = 600.0
"""Seconds that a compilation may take; see `Method.seconds`."""

_FLAGS = ("-O3", "-std=c++17", "-march=native", "-shared", "-fPIC")
_OF_MATRICES = ("-DMATRICES", "-mamx-tile", "-mamx-bf16")


class CompilationError(Exception):
    """There is no compiler here, or it failed; the message says so in a line."""


def example(method: Method, dtype: torch.dtype, height: int, width: int) -> tuple[Tensor, Tensor, Kernels]:
    """Inputs of a method's module for tiles of a size, and products in a number type."""
    more = 2 * HALO + method.beyond
    signal = torch.zeros(1, 3, height + more, width + more).contiguous(memory_format=torch.channels_last)
    return signal, torch.zeros(1, 64), method.kernels(ExpandNet(), dtype)


def compile_tiles(method: Method, dtype: torch.dtype, height: int, width: int, part: Path) -> None:
    """Compiles the full-resolution part for tiles of a size, or of any where the method gives that.

    Args:
        method: how it is computed.
        dtype: of the products.
        height: of a tile, without its halo.
        width: likewise.
        part: where the package is written, in a folder that holds nothing else.

    Raises:
        CompilationError: there is no compiler, it failed or took too long, or the folder can't be written.
    """
    # -P and the path: what lies in the current folder, beside a user's clips, is not run.
    command = [sys.executable, "-P", "-m", __name__, method.name, dtype_name(dtype), str(height), str(width), str(part)]
    package = Path(__file__).parents[2]
    paths = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
    inductor = {"TORCHINDUCTOR_CACHE_DIR": str(part.parent / "inductor"), "PYTHONPATH": paths}
    with system_errors(part), (part.parent / "stderr").open("w+") as stderr:
        process = subprocess.Popen(
            command, env=os.environ | inductor, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait(process, TIME_LIMIT)
        except subprocess.TimeoutExpired as error:
            raise CompilationError(f"the compiler took longer than {TIME_LIMIT:g} s") from error
        finally:
            _end(process)
        if process.returncode or not part.is_file():
            stderr.seek(0)
            raise CompilationError(_reason(process.returncode, stderr.read()))


@contextmanager
def system_errors(path: Path) -> Iterator[None]:
    """Turns what the system refuses into a `CompilationError`."""
    try:
        yield
    except OSError as error:
        raise CompilationError(f"{error.filename or path}: {error.strerror or error}") from error


def _wait(process: "subprocess.Popen[bytes]", limit: float) -> None:
    process.wait(limit)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process with all that it started: the compiler is a child of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
    process.wait()


def _reason(code: int, stderr: str) -> str:
    """The line of a traceback that says why, or what ended it without one."""
    if code < 0:
        return f"the compiler, or the code it made, was ended by {signal.Signals(-code).name}"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    named = [line for line in lines if "Error" in line or "error:" in line]
    return first_line((named or lines or ["the compiler failed"])[-1])


def _main(name: str, kind: str, height: str, width: str, path: str) -> None:
    """The other process."""
    from torch._inductor import cpp_builder

    compiler = cpp_builder.get_cpp_compiler()  # before the work: it raises where there is none
    method = METHODS[name]
    inputs = example(method, getattr(torch, kind), int(height), int(width))
    if isinstance(method.source, Path):
        _compile_source(compiler, method.source, Path(path))
    else:
        _compile_module(method.source(), inputs, path)
    # Once here, where a crash ends but this process: code that a linker has given another C++ library than PyTorch's.
    part, code, weights = inputs
    loaded(Path(path), method, 1, Path(path).parent)(part, code, *weights.values())


def _compile_module(module: nn.Module, inputs: tuple[Tensor, Tensor, Kernels], path: str) -> None:
    with torch.no_grad():
        program = torch.export.export(module.eval(), inputs)
        configuration = {
            "cpp.threads": 1,  # see `cores`
            "max_pointwise_cat_inputs": 0,  # else few entries would be computed again by who reads them
        }
        torch._inductor.aoti_compile_and_package(program, package_path=path, inductor_configs=configuration)


def _compile_source(compiler: str, source: Path, package: Path) -> None:
    library = package.with_suffix(".so")
    command = [compiler, *_FLAGS, *(_OF_MATRICES if multiplies_matrices() else ()), str(source), "-o", str(library)]
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)  # what is wrong stands on stderr
    with ZipFile(package, "w") as archive:
        archive.write(library, library.name)
    library.unlink()


if __name__ == "__main__":
    _main(*sys.argv[1:])

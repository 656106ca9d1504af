"""The compiler of the network's full-resolution part: a process of its own, in which what it makes is tried."""

import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZipFile

import torch

from ..errors import first_line
from ..network.expandnet import HALO, ExpandNet
from ..network.methods import DIRECT, METHODS, Method, multiplies_matrices
from .compiled import CompiledCode, loaded
from .devices import dtype_name

TIME_LIMIT = 300.0
"""Seconds that a compilation may take; usual are five, most of them to load PyTorch for a trial."""

_COMPILERS = ("g++", "clang++", "c++")

# Nothing is computed with NaN and infinity, whose sides a maximum would have to tell.
_FLAGS = ("-O3", "-std=c++17", "-ffinite-math-only", "-fno-signed-zeros", "-shared", "-fPIC")
_OF_THIS_CPU = "-mcpu=native" if platform.machine() in ("arm64", "aarch64") else "-march=native"
_OF_MATRICES = ("-DMATRICES", "-mamx-tile", "-mamx-bf16")
_NUMBERS = {torch.float32: "float", torch.bfloat16: "Bfloat16"}

_MOST_ERROR = {torch.float32: 1e-3, torch.bfloat16: 0.3}
"""Of a pixel, by the standard deviation of all; right code is off by 1e-5 and 0.05."""


class CompilationError(Exception):
    """There is no compiler here, or it failed; the message says so in a line."""


def compile_code(method: Method, dtype: torch.dtype, part: Path) -> None:
    """Compiles the full-resolution part.

    Args:
        method: how it is computed.
        dtype: of the products.
        part: where the package is written, in a folder that holds nothing else.

    Raises:
        CompilationError: there is no compiler, it failed or took too long, or the folder can't be written.
    """
    # -P and the path: what lies in the current folder, beside a user's clips, is not run.
    command = [sys.executable, "-P", "-m", __name__, method.name, dtype_name(dtype), str(part)]
    package = Path(__file__).parents[2]
    paths = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
    with system_errors(part), (part.parent / "stderr").open("w+", errors="replace") as stderr:
        process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": paths}, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
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
    """The line that says why, the first of a compiler's or the last of a traceback, or what ended it without one."""
    if code < 0:
        return f"the compiler, or the code it made, was ended by {signal.Signals(-code).name}"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line][:1]
    named = [line for line in lines if "Error" in line]
    return first_line((errors or named or lines or ["the compiler failed"])[-1])


def _main(name: str, kind: str, path: str) -> None:
    """The other process."""
    method, dtype, package = METHODS[name], getattr(torch, kind), Path(path)
    library = package.with_suffix(".so")
    flags = [*_FLAGS, _OF_THIS_CPU, f"-DNUMBER={_NUMBERS[dtype]}"]
    if method is DIRECT and multiplies_matrices():
        flags += _OF_MATRICES
    command = [*_compiler(), *flags, str(method.source), "-o", str(library)]
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)  # what is wrong stands on stderr
    with ZipFile(package, "w") as archive:
        archive.write(library, library.name)
    library.unlink()
    _try(loaded(package, method, package.parent), method, dtype)


def _try(code: CompiledCode, method: Method, dtype: torch.dtype) -> None:
    """Runs it once here, where a crash ends but this process, and compares it with what it is to compute."""
    torch.manual_seed(0)
    network = ExpandNet().eval()
    side = 24
    more = 2 * HALO + method.beyond
    signal = torch.rand(1, 3, side + more, side + more).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        features = network.global_features(signal)
        expected = network.expand(signal, features, padded=False)[..., :side, :side]
        error = float((code(signal, features, method.kernels(network, dtype)) - expected).abs().max() / expected.std())
    if not error < _MOST_ERROR[dtype]:
        sys.exit(f"Error: what the compiler made is wrong by {error:.2g} times what pixels differ by")


def _compiler() -> list[str]:
    """The command of $CXX, else of the first that there is."""
    given = shlex.split(os.environ.get("CXX", ""))
    for name, *options in [given] if given else ([name] for name in _COMPILERS):
        if shutil.which(name):
            return [name, *options]
    sys.exit(f"Error: no C++ compiler: {given[0] if given else ', '.join(_COMPILERS)} not found")


if __name__ == "__main__":
    _main(*sys.argv[1:])

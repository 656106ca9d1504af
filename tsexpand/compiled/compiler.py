"""The compiler: in a process of its own, in which what it makes is tried."""

import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from ..errors import first_line

TIME_LIMIT = 300.0
"""Seconds that a compilation may take; usual are five, most of them to load PyTorch for a trial."""

_COMPILERS = ("g++", "clang++", "c++")

# Nothing is computed with NaN and infinity, whose sides a maximum would have to tell.
_FLAGS = ("-O3", "-std=c++17", "-ffinite-math-only", "-fno-signed-zeros", "-shared", "-fPIC")
_OF_THIS_CPU = "-mcpu=native" if platform.machine() in ("arm64", "aarch64") else "-march=native"


class CompilationError(Exception):
    """There is no compiler here, or it failed; the message says so in a line."""


def compile_apart(maker: str, arguments: Sequence[str], part: Path) -> None:
    """Has a package made in a process of its own.

    Args:
        maker: name of the module that is run: it calls `compile_library`, and tries the result.
        arguments: that it is given.
        part: where the package is written, the last argument; in a folder that holds nothing else.

    Raises:
        CompilationError: there is no compiler, it failed or took too long, or the folder can't be written.
    """
    # -P and the path: what lies in the current folder, beside a user's clips, is not run.
    command = [sys.executable, "-P", "-m", maker, *arguments, str(part)]
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


def compile_library(source: Path, package: Path, *options: str) -> None:
    """Compiles for this CPU, into an archive; in a process of its own, which ends where it fails.

    Args:
        source: in C++.
        package: the archive.
        options: more options of the compiler.
    """
    library = package.with_suffix(".so")
    command = [*_compiler(), *_FLAGS, _OF_THIS_CPU, *options, str(source), "-o", str(library)]
    status = subprocess.run(command, check=False).returncode
    if status:
        sys.exit(status)  # what is wrong stands on stderr
    with ZipFile(package, "w") as archive:
        archive.write(library, library.name)
    library.unlink()


def refuse_wrong(error: float, most: float) -> None:
    """Ends this process where what was compiled is off by more than it may be.

    Args:
        error: by which its results are off, by the standard deviation of the right ones.
        most: likewise.
    """
    if not error < most:
        sys.exit(f"Error: what the compiler made is wrong by {error:.2g} times what pixels differ by")


def _compiler() -> list[str]:
    """The command of $CXX, else of the first that there is."""
    given = shlex.split(os.environ.get("CXX", ""))
    for name, *options in [given] if given else ([name] for name in _COMPILERS):
        if shutil.which(name):
            return [name, *options]
    sys.exit(f"Error: no C++ compiler: {given[0] if given else ', '.join(_COMPILERS)} not found")


def library_of(package: Path, folder: Path) -> Path:
    """The library in an archive, which its checksum vouches for: half of it would kill us.

    Args:
        package: the archive.
        folder: where the library is written; it may be removed once it is loaded.

    Raises:
        BadZipFile: it is damaged.
        OSError: it can't be read, or written there.
    """
    with ZipFile(package) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise BadZipFile(f"{len(names)} files")
        library = archive.read(names[0])
    file = folder / "code.so"
    file.write_bytes(library)
    return file

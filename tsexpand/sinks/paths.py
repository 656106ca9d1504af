"""Names of outputs: temporary until whole, never another's."""

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputError, output_error

STDOUT = "-"
"""The name of standard output."""

_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d{1,6})")

_MOST_PARTS = 100
"""Unfinished outputs of one name, of runs that were killed or go on beside this one."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns an operating system's refusal into an `OutputError` that names the path."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def descriptor(output: Path) -> int | None:
    """Which of the process's open files a name stands for: - and /dev/stdout, /dev/fd/63 as of a shell's >(...)."""
    if str(output) in (STDOUT, "/dev/stdout"):
        return 1
    match = _DESCRIPTOR.fullmatch(str(output))
    return int(match[1]) if match else None


def is_stream(output: Path) -> bool:
    """Whether an output takes bytes as they come: standard output, a named pipe, or a device such as /dev/null."""
    if descriptor(output) is not None:
        return True
    with translated(output):
        return output.is_fifo() or output.is_char_device()


def reserve_part(output: Path, make: Callable[[Path], None]) -> Path:
    """Makes a temporary file or folder beside an output: NAME.part, or NAME.2.part where that is taken.

    Args:
        output: the final name.
        make: makes the path, or raises FileExistsError.

    Raises:
        OutputError: it can't be made.
    """
    for count in range(1, _MOST_PARTS):
        part = output.with_name(f"{output.name}.part" if count == 1 else f"{output.name}.{count}.part")
        try:
            make(part)
        except FileExistsError:
            continue
        except OSError as error:
            raise output_error(output, error) from error
        return part
    raise OutputError(f"{output}: too many unfinished outputs beside it; remove {output.name}.*.part")


def partial_name(output: Path, end: str) -> Path:
    """What the beginning of an output is called, as a name that is free: clip.partial.mp4, clip.2.partial.mp4.

    Args:
        output: the name that was wanted.
        end: of the name, which tells what is in it: ".mp4", ".dovi.json", "" for a folder.
    """
    stem = output.name[: len(output.name) - len(end)]
    for count in itertools.count(1):
        middle = ".partial" if count == 1 else f".{count}.partial"
        name = output.with_name(f"{stem}{middle}{end}")
        if not os.path.lexists(name):
            return name
    raise AssertionError  # count has no end


def make_file(path: Path) -> None:
    """Makes an empty file; raises FileExistsError where there is anything of that name."""
    path.open("x").close()


def make_folder(folder: Path) -> None:
    """Makes the folder that outputs go into, where it is missing; raises `OutputError` where it can't."""
    with translated(folder):
        folder.mkdir(parents=True, exist_ok=True)


def check_parent(output: Path) -> None:
    """Raises `OutputError` where the folder that is to hold the output is missing or closed."""
    folder = output.parent
    with translated(output):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{output}: {folder} is a file, not a folder")
        if not folder.is_dir():
            raise OutputError(f"{output}: folder {folder} does not exist; create it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{output}: folder {folder} is not writable; choose another place")


def check_file(output: Path, overwrite: bool) -> None:
    """Raises `OutputError` where something of that name is in the way of a file."""
    with translated(output):
        if output.is_dir():
            raise OutputError(f"{output}: is a folder, not a file")
        if output.exists() and not output.is_file():
            raise OutputError(f"{output}: is a device or a socket, not a file")
        if output.exists() and not overwrite:
            raise OutputError(f"{output}: exists; use --overwrite to replace it")


def refuse_sources(outputs: Iterable[Path], sources: Iterable[str]) -> None:
    """Raises `OutputError` where an output would replace an input, whatever --overwrite says."""
    read = [Path(source) for source in sources if source != STDOUT]
    for output in (output for output in outputs if descriptor(output) is None):
        with translated(output):
            if output.exists() and any(source.exists() and output.samefile(source) for source in read):
                raise OutputError(f"{output}: is an input; choose another name")


def remove(path: Path) -> None:
    """Deletes a file or a folder of ours, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

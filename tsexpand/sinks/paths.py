"""Names of outputs: temporary until whole."""

import os
import shutil
from pathlib import Path

from ..errors import OutputError


def part_path(output: Path) -> Path:
    """The temporary name beside the final one."""
    return output.with_name(output.name + ".part")


def writable(error: OSError, path: Path) -> OutputError:
    """The error of a path that can't be written."""
    return OutputError(f"{path}: {error.strerror or error}; choose another place or make room")


def check_parent(output: Path) -> None:
    """Raises `OutputError` where the folder that is to hold the output is missing or closed."""
    folder = output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"{output}: folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{output}: folder {folder} is not writable")


def make_folder(folder: Path) -> None:
    """Makes the folder that outputs go into, where it is missing; raises `OutputError` where it can't."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise writable(error, folder) from error


def check_free(output: Path, overwrite: bool) -> None:
    """Raises `OutputError` where a file of that name is in the way."""
    if output.is_dir():
        raise OutputError(f"{output}: is a folder, not a video file")
    if output.exists() and not overwrite:
        raise OutputError(f"{output}: exists; use --overwrite to replace it")


def remove(path: Path) -> None:
    """Deletes a file or a folder of ours, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

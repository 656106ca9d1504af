"""What is compiled for this machine: made once, kept in the user's cache, loaded in every later run."""

import hashlib
import os
import platform
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar
from zipfile import BadZipFile

import torch

from .. import __version__
from ..errors import first_line
from . import compiler
from .compiler import CompilationError, compile_apart, library_of, system_errors

Code = TypeVar("Code")

_ARTEFACT = re.compile(r"(expand|motion)_(\w+_)?[0-9a-f]{16}\.(zip|pt2)")
"""Names of artefacts, those of former versions too."""

MOST_KEPT = 16
"""Artefacts in the cache, of 30 kB each: others are of former versions, or of other machines that share it."""


class Artefact(ABC, Generic[Code]):
    """Compiled code of one kind, such as that of a network in one number type."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called, before what it depends on; `_ARTEFACT` is to know it."""

    @property
    @abstractmethod
    def sources(self) -> tuple[Path, ...]:
        """Files that it depends on, beside those of this package; of a folder of C++ its headers come with them."""

    @property
    @abstractmethod
    def maker(self) -> tuple[str, ...]:
        """The module that makes it, and its arguments: see `compile_apart`."""

    @abstractmethod
    def read(self, library: Path) -> Code:
        """The code of a library, which may be removed afterwards.

        Raises:
            OSError, AttributeError: it is no such library that can be loaded here.
        """

    @property
    def path(self) -> Path:
        """Where it is kept. Its name holds all that it depends on: code, C library, processor.

        Raises:
            CompilationError: the code can't be read.
        """
        own = Path(compiler.__file__)
        folders = dict.fromkeys([own.parent, *(path.parent for path in self.sources)])
        headers = [header for folder in folders for header in sorted(folder.glob("*.h"))]
        with system_errors(own):
            sources = [path.read_bytes() for path in (own, *self.sources, *headers)]
        facts = [__version__, platform.machine(), *platform.libc_ver(), _processor(), *map(str, sources)]
        digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        return cache_folder() / f"{self.name}_{digest}.zip"

    @property
    def is_made(self) -> bool:
        """Whether it is there to be loaded.

        Raises:
            CompilationError: that can't be told.
        """
        with system_errors(self.path):
            return self.path.is_file()

    def loaded(self, on_make: Callable[[], None] = lambda: None) -> Code:
        """The compiled code, made first where it is not there.

        Args:
            on_make: told before it is made.

        Raises:
            CompilationError: see `make` and `load`.
        """
        if not self.is_made:
            on_make()
            self.make()
        return self.load()

    def load(self) -> Code:
        """The compiled code.

        Raises:
            CompilationError: the file can't be loaded, or others may write to it; it is removed where it is damaged.
        """
        with system_errors(self.path):
            _refuse_strangers(self.path.parent, self.path)
            try:
                with _private_folder(self.path.parent) as folder:
                    code = self.read(library_of(self.path, Path(folder)))
            except BadZipFile as error:
                self.path.unlink()
                raise CompilationError(f"{self.path} was damaged; it is made anew the next time") from error
            except (OSError, AttributeError, RuntimeError) as error:  # the last of an archive of another kind
                raise CompilationError(f"{self.path} could not be loaded ({first_line(str(error))})") from error
        with suppress(OSError):  # a cache that may only be read
            self.path.touch()  # as used, see `_forget_old`
        return code

    def make(self) -> None:
        """Compiles it, in a process of its own, into its place.

        Raises:
            CompilationError: there is no compiler, it failed or took too long, or the cache can't be written.
        """
        with system_errors(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _refuse_strangers(self.path.parent)
            folder = tempfile.TemporaryDirectory(dir=self.path.parent, ignore_cleanup_errors=True)
        with folder as name:
            part = Path(name) / self.path.name
            module, *arguments = self.maker
            compile_apart(module, arguments, part)
            with system_errors(self.path):
                part.chmod(0o600)
                part.replace(self.path)
        _forget_old(self.path.parent)


def _forget_old(folder: Path) -> None:
    """Removes all but the last used artefacts; not now where another process does it at the same moment."""
    with suppress(OSError):
        kept = [path for path in folder.iterdir() if _ARTEFACT.fullmatch(path.name)]
        kept.sort(key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST_KEPT]:
            path.unlink()


def _private_folder(folder: Path) -> "tempfile.TemporaryDirectory[str]":
    """One in a folder, or, where that may only be read, in the system's for such."""
    try:
        return tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True)
    except OSError:
        return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def _refuse_strangers(*paths: Path) -> None:
    """Refuses what another user could have put there: it would be run."""
    if not hasattr(os, "geteuid"):
        return
    for path in paths:
        found = path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise CompilationError(f"{path} belongs to others, or others may write to it; set TSEXPAND_CACHE elsewhere")


def cache_folder() -> Path:
    """Where artefacts are kept: $TSEXPAND_CACHE, or tsexpand in the user's cache folder.

    Never a place that others may write to: what is there is run.

    Raises:
        CompilationError: there is no such folder.
    """
    given = os.environ.get("TSEXPAND_CACHE")
    if given:
        return Path(given)
    general = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (general if general.is_absolute() else Path.home() / ".cache") / "tsexpand"
    except RuntimeError as error:  # a user without a home
        raise CompilationError("no home to keep compiled code in; set TSEXPAND_CACHE to a folder") from error


def _processor() -> str:
    """What compiled code for this processor relies on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() + str(torch.cpu.get_capabilities())
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))

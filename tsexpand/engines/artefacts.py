"""Compiled code for this machine: made once, kept in the user's cache, loaded in every later run.

What is compiled takes the weights as an input, so that one artefact serves every model.
"""

import hashlib
import os
import platform
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import BadZipFile

import torch
from torch import Tensor

from .. import __version__
from ..cores import run, workers
from ..errors import first_line
from ..network import direct, expandnet, kernels, methods, minimal_filtering, winograd
from ..network.expandnet import ExpandNet
from ..network.methods import Method, method_for
from ..network.tiling import TakeTile, Tile, global_code, held, part_of, tile_size, tiles, within_halo
from . import compiler
from .compiled import CompiledCode, loaded
from .compiler import CompilationError, compile_code, system_errors
from .devices import dtype_name

TILE = 320
"""Height and width of tiles at most: larger ones are no faster."""

_ARTEFACT = re.compile(r"expand_(\w+_)?(float32|bfloat16)_(\d+x\d+_)?[0-9a-f]{16}\.(zip|pt2)")
"""Names of artefacts, those of former versions too."""

MOST_KEPT = 16
"""Artefacts in the cache, of 30 kB each: others are of former versions, or of other machines that share it."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is compiled: the full-resolution part in one number type, for tiles of any size.

    Attributes:
        dtype: of the products.
    """

    dtype: torch.dtype

    @property
    def method(self) -> Method:
        """How it is computed: as is the fastest on this CPU."""
        return method_for(self.dtype)

    @property
    def path(self) -> Path:
        """Where it is kept. Its name holds all that it depends on: code, C library, processor.

        Raises:
            CompilationError: the code can't be read.
        """
        modules = (winograd, direct, kernels, methods, minimal_filtering, expandnet, compiler)
        paths = [*(Path(module.__file__ or "") for module in modules), self.method.source]
        with system_errors(self.method.source):
            sources = [path.read_bytes() for path in (*paths, *sorted(self.method.source.parent.glob("*.h")))]
        facts = [__version__, platform.machine(), *platform.libc_ver(), _processor(), *map(str, sources)]
        digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        return cache_folder() / f"expand_{self.method.name}_{dtype_name(self.dtype)}_{digest}.zip"

    @property
    def is_made(self) -> bool:
        """Whether it is there to be loaded.

        Raises:
            CompilationError: that can't be told.
        """
        with system_errors(self.path):
            return self.path.is_file()

    def loaded(self, on_make: Callable[[], None] = lambda: None) -> CompiledCode:
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

    def load(self) -> CompiledCode:
        """The compiled code.

        Raises:
            CompilationError: the file can't be loaded, or others may write to it; it is removed where it is damaged.
        """
        with system_errors(self.path):
            _refuse_strangers(self.path.parent, self.path)
            try:
                with _private_folder(self.path.parent) as folder:
                    code = loaded(self.path, self.method, Path(folder))
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
            compile_code(self.method, self.dtype, part)
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


def compiled_size(height: int, width: int, most: int | None = None) -> tuple[int, int]:
    """Height and width of tiles for frames, at most so many pixels and `TILE`: `tile_size` for the cores there are."""
    return tile_size(height, width, min(most or TILE, TILE), workers().count)


class CompiledNetwork:
    """A network that runs as compiled code, a tile a core.

    Args:
        code: the artefact, loaded.
        artefact: that it is.
        network: the whole of it, on the CPU.
    """

    def __init__(self, code: CompiledCode, artefact: Artefact, network: ExpandNet) -> None:
        self._code = code
        self._beyond = artefact.method.beyond
        self._kernels = artefact.method.kernels(network, artefact.dtype)
        self._network = network

    def tiled(self, size: tuple[int, int], signal: Tensor, take: TakeTile) -> None:
        """Computes a frame in tiles of a height and width, multiples of `ALIGNMENT`; see `TiledNetwork`."""
        features = global_code(self._network, signal)
        height, width = signal.shape[-2:]
        frame = held(signal, *size, self._beyond)

        def compute(place: Tile) -> None:
            part = part_of(frame, place, self._beyond)
            take(place, self._code(part, features, self._kernels), within_halo(part, self._beyond))

        run((partial(compute, place) for place in tiles(height, width, *size)), signal.device)


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

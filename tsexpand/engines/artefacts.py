"""Compiled code for this machine: made once, kept in the user's cache, loaded in every later run.

What is compiled takes the weights as an input, so that one artefact serves every model.
"""

import hashlib
import os
import platform
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
from ..network import direct, expandnet, features, kernels, methods, minimal_filtering, winograd
from ..network.expandnet import ExpandNet
from ..network.kernels import Kernels
from ..network.methods import Method, method_for
from ..network.tiling import (
    VECTOR,
    TakeTile,
    Tile,
    TiledNetwork,
    global_code,
    held,
    part_of,
    tile_size,
    tiles,
    within_halo,
)
from . import compiler
from .compiled import Code, loaded
from .compiler import CompilationError, compile_tiles, example, system_errors
from .devices import dtype_name

CompiledExpand = Callable[[Tensor, Tensor, Kernels], Tensor]
"""What a method does, compiled."""

SIZE = (120, 128)
"""Height and width of tiles where code is made for a size; they cover frames of 360, 480, 720, 1080 and 2160 lines
without a remainder."""

_SIZE_OF_540 = (136, 120)
"""Of those for frames of 540 lines."""

_MOST = 320
"""Height and width at most of tiles where any are computed by the same code: larger ones are no faster."""

MOST_KEPT = 16
"""Artefacts in the cache, of up to 3 MB each: others are of former versions, or of other machines that share it."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is compiled: the full-resolution part in one number type, for tiles of one size or of any.

    Attributes:
        dtype: of the products.
        height: of a tile, without its halo.
        width: likewise.
    """

    dtype: torch.dtype
    height: int = SIZE[0]
    width: int = SIZE[1]

    def __post_init__(self) -> None:
        method = self.method
        if method.any_size:
            return
        if self.height % method.block or self.width % method.block or self.height * self.width % VECTOR:
            raise ValueError(f"tiles of {self.width}×{self.height} would be rounded otherwise at their ends")

    @property
    def method(self) -> Method:
        """How it is computed: as is the fastest on this CPU."""
        return method_for(self.dtype)

    @property
    def path(self) -> Path:
        """Where it is kept. Its name holds all that it depends on: code, library, processor."""
        modules = (winograd, direct, features, kernels, methods, minimal_filtering, expandnet, compiler)
        sources = [path.read_bytes() for path in (direct.SOURCE, *(Path(module.__file__ or "") for module in modules))]
        facts = [__version__, torch.__version__, platform.machine(), _processor(), *map(str, sources)]
        digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        size = "" if self.method.any_size else f"_{self.height}x{self.width}"
        return cache_folder() / f"expand_{self.method.name}_{dtype_name(self.dtype)}{size}_{digest}.pt2"

    @classmethod
    def for_frames(cls, dtype: torch.dtype, width: int, height: int) -> list["Artefact"]:
        """All that are made, first that of whose tiles the least is computed in vain for frames of a size."""
        if method_for(dtype).any_size:
            return [cls(dtype, *tile_size(height, width, _MOST, workers().count))]
        return sorted((cls(dtype, *size) for size in (SIZE, _SIZE_OF_540)), key=lambda one: one.computed(width, height))

    def computed(self, width: int, height: int) -> int:
        """Pixels that are computed for a frame, with what lies beyond it or is in two tiles."""
        return sum(tile.height * tile.width for tile in tiles(height, width, self.height, self.width))

    @property
    def is_made(self) -> bool:
        """Whether it is there to be loaded.

        Raises:
            CompilationError: that can't be told.
        """
        with system_errors(self.path):
            return self.path.is_file()

    def loaded(self, at_once: int, on_make: Callable[[], None] = lambda: None) -> CompiledExpand:
        """The compiled code, made first where it is not there.

        Args:
            at_once: threads that may run it at the same time.
            on_make: told before it is made.

        Raises:
            CompilationError: see `make` and `load`.
        """
        if not self.is_made:
            on_make()
            self.make()
        return self.load(at_once)

    def load(self, at_once: int) -> CompiledExpand:
        """The compiled code, for so many threads at the same time.

        Raises:
            CompilationError: the file can't be loaded, or others may write to it; it is removed where it is damaged.
        """
        with system_errors(self.path):
            _refuse_strangers(self.path.parent, self.path)
            try:
                with tempfile.TemporaryDirectory(dir=self.path.parent, ignore_cleanup_errors=True) as folder:
                    code = loaded(self.path, self.method, at_once, Path(folder))
                _run(code, *example(self.method, self.dtype, self.height, self.width))
            except BadZipFile as error:
                self.path.unlink()
                raise CompilationError(f"{self.path} was damaged; it is made anew the next time") from error
            except (OSError, RuntimeError, AttributeError) as error:
                raise CompilationError(f"{self.path} could not be loaded ({first_line(str(error))})") from error
        with suppress(OSError):  # a cache that may only be read
            self.path.touch()  # as used, see `_forget_old`
        return partial(_run, code)

    def make(self) -> None:
        """Compiles it, in a process of its own, into its place.

        Raises:
            CompilationError: there is no compiler, it failed or took too long, or the cache can't be written.
        """
        with system_errors(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(dir=self.path.parent, ignore_cleanup_errors=True)
        with folder as name:
            part = Path(name) / self.path.name
            compile_tiles(self.method, self.dtype, self.height, self.width, part)
            with system_errors(self.path):
                part.chmod(0o600)
                part.replace(self.path)
        _forget_old(self.path.parent)


def _forget_old(folder: Path) -> None:
    """Removes all but the last used artefacts; not now where another process does it at the same moment."""
    with suppress(OSError):
        kept = sorted(folder.glob("expand_*.pt2"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST_KEPT]:
            path.unlink()


def _refuse_strangers(*paths: Path) -> None:
    """Refuses what another user could have put there: it would be run."""
    if not hasattr(os, "geteuid"):
        return
    for path in paths:
        found = path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise CompilationError(f"{path} belongs to others, or others may write to it; set TSEXPAND_CACHE elsewhere")


def _run(code: Code, signal: Tensor, global_features: Tensor, weights: Kernels) -> Tensor:
    return code(signal, global_features, *weights.values())


def compiled_network(expand: CompiledExpand, artefact: Artefact, network: ExpandNet) -> TiledNetwork:
    """A network that runs as compiled code, a tile a core.

    Args:
        expand: the artefact, loaded for as many at once as there are cores.
        artefact: that it is.
        network: the whole of it, on the CPU.
    """
    method = artefact.method
    weights = method.kernels(network, artefact.dtype)

    def compiled(signal: Tensor, take: TakeTile) -> None:
        code = global_code(network, signal)
        height, width = signal.shape[-2:]
        frame = held(signal, artefact.height, artefact.width, method.beyond)

        def compute(place: Tile) -> None:
            part = part_of(frame, place, method.beyond)
            take(place, expand(part, code, weights).contiguous(), within_halo(part, method.beyond))

        run((partial(compute, place) for place in tiles(height, width, artefact.height, artefact.width)), signal.device)

    return compiled


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

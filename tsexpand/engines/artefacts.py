"""The network as compiled code.

What is compiled takes the weights as an input, so that one artefact serves every model.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..compiled.artefact import Artefact
from ..cores import run, workers
from ..network import direct, expandnet, kernels, methods, minimal_filtering, winograd
from ..network.expandnet import ExpandNet
from ..network.methods import Method, method_for
from ..network.tiling import TakeTile, Tile, global_code, held, part_of, tile_size, tiles, within_halo
from . import compiler
from .compiled import CompiledCode
from .devices import dtype_name

TILE = 320
"""Height and width of tiles at most: larger ones are no faster."""


@dataclass(frozen=True, slots=True)
class NetworkArtefact(Artefact[CompiledCode]):
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
    def name(self) -> str:
        """See `Artefact.name`."""
        return f"expand_{self.method.name}_{dtype_name(self.dtype)}"

    @property
    def sources(self) -> tuple[Path, ...]:
        """See `Artefact.sources`."""
        modules = (winograd, direct, kernels, methods, minimal_filtering, expandnet, compiler)
        return (*(Path(module.__file__ or "") for module in modules), self.method.source)

    @property
    def maker(self) -> tuple[str, ...]:
        """See `Artefact.maker`."""
        return compiler.__name__, self.method.name, dtype_name(self.dtype)

    def read(self, library: Path) -> CompiledCode:
        """See `Artefact.read`."""
        return CompiledCode(library, self.method)


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

    def __init__(self, code: CompiledCode, artefact: NetworkArtefact, network: ExpandNet) -> None:
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

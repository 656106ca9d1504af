"""The forms in which a network runs on a device, and which is the best for a clip.

By PyTorch layer by layer, which starts at once and works everywhere, or as compiled code, which takes a while to get.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor

from ..compiled import Compilation
from ..compiled.compiler import CompilationError
from ..cores import workers
from ..errors import DeviceError
from ..network.expandnet import ExpandNet
from ..network.methods import method_for
from ..network.output import Parametrisation
from ..network.tiling import MIN_TILE, Edges, Expand, TakeTile, TiledNetwork, logit_tiles, tiles
from ..network.weights import Weights
from . import gpu_code
from .artefacts import CompiledNetwork, NetworkArtefact, compiled_size
from .devices import Precision, default_tile, dtype_name
from .gpu_code import gpu_network
from .promise import difference

LOADING, COMPILING = 0.1, 10.0
"""Seconds that it takes to load compiled code, or to make it, about."""

PACE = 5e-6
"""Seconds a pixel that a core of 2.5 GHz with AVX512 takes for the layers one by one, float32: what is a few times off
elsewhere compiles a little sooner or later, and to measure it took some tenths of a second of every start."""

_COMPILED = {"cpu": (torch.float32, torch.bfloat16), "cuda": gpu_code.DTYPES}
"""Number types of products that there is compiled code for, by kind of device."""


@dataclass(frozen=True, slots=True)
class Form:
    """A network ready to run.

    Attributes:
        tiled: the network.
        is_compiled: whether it is compiled code.
        size: height and width of its tiles; None where they are of `Forms.tile` at most.
        one_by_one: whether it is best given one frame at a time.
    """

    tiled: TiledNetwork
    is_compiled: bool = False
    size: tuple[int, int] | None = None
    one_by_one: bool = False


class Forms:
    """The forms of a network on one device.

    Args:
        weights: the network, of which a copy is taken.
        device: where to work.
        precision: of the convolutions.
        tile: height and width of tiles at most, None for the device's default.
        compilation: whether compiled code runs.
        on_compile: told before something is compiled for a CPU, which takes a while.

    Attributes:
        dtype: of the convolutions.
        notices: that something is not as it was asked for, a sentence each.

    Raises:
        DeviceError: compiled code is asked for, and there is none of this.
    """

    def __init__(
        self,
        weights: Weights,
        device: torch.device,
        precision: Precision,
        tile: int | None,
        compilation: Compilation,
        on_compile: Callable[[], None],
    ) -> None:
        self._weights = weights
        network = copy.deepcopy(weights.network).to(device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
        self._device = device
        self._precision = precision
        self._tile = tile
        self._on_compile = on_compile
        self._kernels: Form | None = None
        self._plain: dict[torch.dtype, Form] = {}
        self.notices: list[str] = []
        self.dtype = precision.on(device)
        self._keeps_promise(self._eager(self.dtype))
        self._wanted = compilation
        self._compilation = self._possible(compilation)
        self._saved = 0.0
        self._compiled: dict[torch.dtype, CompiledNetwork] = {}

    @property
    def tile(self) -> int:
        """Height and width of tiles at most."""
        if self._tile is not None:
            return self._tile
        return default_tile(self._network, self._device) if self._kernels is None else gpu_code.TILE

    @property
    def _published(self) -> ExpandNet:
        """The network, where there is compiled code of it."""
        return cast(ExpandNet, self._network)

    @property
    def plain(self) -> Form:
        """The network layer by layer; of one number type always the same, by which recordings of it are found."""
        if self.dtype not in self._plain:
            # In batches some layers of the compact network are rounded otherwise.
            one_by_one = not isinstance(self._network, ExpandNet)
            self._plain[self.dtype] = Form(self._eager(self.dtype), one_by_one=one_by_one)
        return self._plain[self.dtype]

    def shrink(self) -> bool:
        """Halves the tiles from now on; whether they were not the smallest yet."""
        if self.tile <= MIN_TILE:
            return False
        self._tile = max(MIN_TILE, self.tile // 2)
        return True

    def described(self, form: Form) -> str:
        """A form for people: "compiled, tiles of 320×272"."""
        size = self.tile if form.size is None else f"{form.size[1]}×{form.size[0]}"
        return f"{'compiled, ' if form.is_compiled else ''}tiles of {size}"

    def best(self, width: int, height: int, frames: float) -> Form:
        """The form for a clip, see `Engine.expect`; compiled, or loaded, where that is repaid.

        Raises:
            DeviceError: it is to be compiled in any case, and can't.
        """
        compiled = None
        try:
            compiled = self._repaid_code(width, height, frames)
        except CompilationError as error:
            if self._compilation is Compilation.ALWAYS:
                raise DeviceError(f"the network can't be compiled here: {error}; try --compile never") from error
            pace = 1 - method_for(self.dtype).saved if self._device.type == "cpu" else 0.25
            self.notices.append(f"the network runs uncompiled, at about {pace:.0%} of the speed: {error}")
            self._compilation = Compilation.NEVER
        return compiled or self.plain

    def compiles(self, form: Form) -> bool | None:
        """See `Setup.compiled`."""
        return form.is_compiled if self._has_code else None

    @property
    def compilation(self) -> Compilation:
        """See `Engine.compilation`."""
        if self._device.type != "cpu":
            return Compilation.NEVER
        return self._compilation if self._has_code else self._wanted

    @property
    def _has_code(self) -> bool:
        """Whether there is compiled code of such a network."""
        return self._weights.parametrisation is Parametrisation.ABSOLUTE and isinstance(self._network, ExpandNet)

    def _possible(self, compilation: Compilation) -> Compilation:
        if self._has_code and self.dtype in _COMPILED.get(self._device.type, ()):
            slow = self._device.type == "cuda" and not gpu_code.is_quick(self._device)
            return Compilation.NEVER if slow and compilation is Compilation.AUTO else compilation
        if compilation is Compilation.ALWAYS:
            of_which = "only weights of ExpandNet for absolute light"
            if self._has_code or self._device.type != "cpu":
                of_which += ", on the CPU in float32 or bfloat16, on CUDA in float16 or bfloat16"
                raise DeviceError(f"--compile always: {of_which}")
            self.notices.append(f"{self._weights.name} runs uncompiled: {of_which} are compiled")
        return Compilation.NEVER

    def _repaid_code(self, width: int, height: int, frames: float) -> Form | None:
        """Compiled code where it is to be used, or is faster for this clip and was worth getting so far."""
        if self._compilation is Compilation.NEVER:
            return None
        if self._device.type == "cuda":
            return self._code_of_gpu()
        size = compiled_size(height, width, self._tile)
        if self._compilation is Compilation.ALWAYS:
            return self._code_of(size)
        computed = sum(tile.height * tile.width for tile in tiles(height, width, *size))
        share = 1 - (1 - method_for(self.dtype).saved) * computed / (width * height)
        if share <= 0:
            return None
        self._saved += share * PACE / workers().count * width * height * frames
        artefact = NetworkArtefact(self.dtype)
        cost = 0.0 if self.dtype in self._compiled else LOADING if artefact.is_made else COMPILING
        return self._code_of(size) if self._saved >= cost else None

    def _code_of(self, size: tuple[int, int]) -> Form:
        dtype = self.dtype
        if dtype not in self._compiled:
            artefact = NetworkArtefact(dtype)
            compiled = CompiledNetwork(artefact.loaded(self._on_compile), artefact, self._published)
            if not self._keeps_promise(partial(compiled.tiled, size)):
                return self._code_of(size)  # float32 by now
            self._compiled[dtype] = compiled
        return Form(partial(self._compiled[dtype].tiled, size), is_compiled=True, size=size)

    def _code_of_gpu(self) -> Form | None:
        """None where it would not keep the promise."""
        if self._kernels is None:
            quick = gpu_network(self._published, self.dtype, lambda: self.tile)
            if not self._keeps_promise(quick):
                self._compilation = Compilation.NEVER
                return None
            self._kernels = Form(quick, is_compiled=True, one_by_one=True)
        return self._kernels

    def _keeps_promise(self, quick: TiledNetwork) -> bool:
        """Whether a quick form may be used; if not, float32 is from now on, and a notice says so."""
        if self._precision is not Precision.AUTO or self.dtype is torch.float32:
            return True
        with torch.inference_mode():
            exact = self._eager(torch.float32)
            found = difference(quick, exact, self._weights.parametrisation, self._device)
        if found.is_invisible:
            return True
        kind = dtype_name(self.dtype)
        self.notices.append(f"{self._weights.name} runs in float32, as {kind} would be within {found} of it only")
        self.dtype = torch.float32
        return False

    def _eager(self, dtype: torch.dtype) -> TiledNetwork:
        """Layer by layer, with convolutions in a number type."""
        return self._layers(dtype, self._network.expand)

    def _layers(self, dtype: torch.dtype, expand: Expand) -> TiledNetwork:
        absolute = self._weights.parametrisation is Parametrisation.ABSOLUTE
        edges = Edges.HELD if absolute else Edges.ZERO  # relative: as published

        def tiled(signal: Tensor, take: TakeTile) -> None:
            logit_tiles(self._network, signal, self.tile, edges, take, dtype, expand)

        return tiled

"""Motion, and averages along it, on CPUs: what `optical_flow` and `denoising` say, in C++ and in a pass each.

What becomes of a pixel is the same on any number of cores; it differs by roundings from what PyTorch's operations make
of it.
"""

import ctypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from ctypes import POINTER, c_float, c_int, c_long, c_void_p
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.luminance import luminance_weights
from ..compiled.artefact import Artefact
from ..compiled.compiler import CompilationError
from ..cores import LITTLE_WORK, run, strips, workers
from ..errors import DeviceError
from .optical_flow import LONGEST_STEP, STEPS, enlarged, halvings, no_flow
from .optical_flow import NOISE as FAINT

SOURCE = Path(__file__).with_name("motion.cpp")

_SAVED = 6e-7
"""Seconds a pixel that compiled code saves on a core of 2.5 GHz with AVX512."""

_COMPILING = 5.0
"""Seconds that it takes to compile, about."""

_MAKER = "motion_compiler"
"""The module that compiles it."""


class CpuMotion:
    """The code, compiled; any threads may run it at the same time.

    Args:
        library: it may be removed once it is loaded.

    Raises:
        OSError, AttributeError: it is no such library that can be loaded here.
    """

    def __init__(self, library: Path) -> None:
        self._code = ctypes.CDLL(str(library))
        many = POINTER(c_void_p)
        arguments = {
            "match": [c_void_p, *[c_long] * 4, c_float, c_void_p],
            "step": [*[c_void_p] * 4, *[c_long] * 4, c_float, c_void_p],
            "warp": [c_void_p, c_void_p, *[c_long] * 5, c_void_p],
            "observe": [c_void_p, *[c_float] * 3, *[c_long] * 4, c_void_p],
            "average": [c_void_p, c_void_p, many, many, *[c_long] * 7, c_float, c_float, c_void_p],
        }
        for name, types in arguments.items():
            function = getattr(self._code, name)
            function.restype, function.argtypes = c_int, types

    def optical_flow(self, picture: Tensor, following: Tensor) -> Tensor:
        """See `optical_flow.optical_flow`; of one picture."""
        pairs = list(zip(halvings(picture), halvings(following), strict=True))
        flow = no_flow(pairs[-1][0])
        for first, other in reversed(pairs):
            flow = enlarged(flow, first)
            inverse = self._match(_as_it_lies(first, 1))
            for _ in range(STEPS):
                flow = self._stepped(_as_it_lies(first, 1), _as_it_lies(other, 1), inverse, _as_it_lies(flow, 2))
        return flow

    def warped(self, picture: Tensor, flow: Tensor) -> Tensor:
        """See `optical_flow.warped`; of one picture."""
        channels = picture.shape[1]
        picture, flow = _as_it_lies(picture, channels), _as_it_lies(flow, 2)
        if picture.shape[-2:] != flow.shape[-2:]:
            raise ValueError(f"not of one size: {tuple(picture.shape)}, {tuple(flow.shape)}")
        warped = torch.empty_like(picture)
        given = picture.data_ptr(), flow.data_ptr(), channels, *picture.shape[-2:]
        self._run(self._code.warp, given, picture, (warped.data_ptr(),))
        return warped

    def observe(self, light: Tensor, primaries: Primaries) -> Tensor:
        """A frame as it is compared.

        Args:
            light: (1, 3, H, W), cd/m².
            primaries: of the light.

        Returns:
            (1, 4, H, W), PQ of R, G and B less that of luminance, and that of luminance.
        """
        light = _as_it_lies(light, 3)
        height, width = light.shape[-2:]
        signal = light.new_empty(1, 4, height, width)
        given = light.data_ptr(), *luminance_weights(primaries).tolist(), height, width
        self._run(self._code.observe, given, light, (signal.data_ptr(),))
        return signal

    def average(
        self, light: Tensor, own: Tensor, neighbours: Sequence[tuple[Tensor, Tensor]], noise: float, shadow: float
    ) -> Tensor:
        """A frame's light averaged with that of its neighbours.

        Args:
            light: (1, 3, H, W), cd/m², of the frame.
            own: (1, 4, H, W), the frame, see `observe`.
            neighbours: likewise, with the flow to each, (1, 2, ⌈H / 2⌉, ⌈W / 2⌉), see `optical_flow`.
            noise: difference that may be noise, PQ.
            shadow: luminance below which less counts as noise, PQ.

        Returns:
            (1, 3, H, W); to the last bit the frame's own where no neighbour differs.

        Raises:
            DeviceError: there is no memory for what is in between.
        """
        if not neighbours:
            return light.clone()
        light, own = _as_it_lies(light, 3), _as_it_lies(own, 4)
        pictures = [_as_it_lies(picture, 4) for picture, _ in neighbours]
        flows = [_as_it_lies(flow, 2) for _, flow in neighbours]
        (height, width), (rows, columns) = light.shape[-2:], flows[0].shape[-2:]
        if {picture.shape for picture in (own, *pictures)} != {(1, 4, height, width)}:
            raise ValueError(f"not of one size: {[tuple(picture.shape) for picture in (light, own, *pictures)]}")
        if {flow.shape for flow in flows} != {(1, 2, rows, columns)}:
            raise ValueError(f"not of one size: {[tuple(flow.shape) for flow in flows]}")
        averaged = torch.empty_like(light)
        given = own.data_ptr(), light.data_ptr(), _addresses(pictures), _addresses(flows), len(neighbours)
        sizes = height, width, rows, columns
        self._run(self._code.average, (*given, *sizes), light, (noise, shadow, averaged.data_ptr()))
        return averaged

    def _match(self, picture: Tensor) -> Tensor:
        """Of a picture (1, 1, H, W), the inverse of its windows' mean products of gradients: (1, 3, H, W)."""
        inverse = picture.new_empty(1, 3, *picture.shape[-2:])
        given = picture.data_ptr(), *picture.shape[-2:]
        self._run(self._code.match, given, picture, (FAINT, inverse.data_ptr()))
        return inverse

    def _stepped(self, picture: Tensor, other: Tensor, inverse: Tensor, flow: Tensor) -> Tensor:
        """One step towards the flow that matches the windows of a picture with those of another."""
        stepped = torch.empty_like(flow)
        given = *(tensor.data_ptr() for tensor in (picture, other, inverse, flow)), *picture.shape[-2:]
        self._run(self._code.step, given, picture, (LONGEST_STEP, stepped.data_ptr()))
        return stepped

    def _run(
        self, function: Callable[..., int], given: Sequence[object], picture: Tensor, more: Sequence[object]
    ) -> None:
        """Runs a function on strips of a picture's rows, which it is told between what it is given."""

        def run_rows(rows: slice) -> None:
            if function(*given, rows.start, rows.stop, *more):
                height, width = picture.shape[-2:]
                raise DeviceError(f"cpu: out of memory to denoise frames of {width}×{height} pixels")

        run((partial(run_rows, rows) for rows in strips(picture, LITTLE_WORK)), picture.device)


def _as_it_lies(picture: Tensor, channels: int) -> Tensor:
    """A picture (1, C, H, W) whose values lie plane by plane, as the code goes through memory."""
    count, found, height, width = picture.shape
    if count != 1 or found != channels or picture.dtype != torch.float32:
        raise ValueError(f"not a picture of {channels} planes: {tuple(picture.shape)}, {picture.dtype}")
    if channels * height * width >= 1 << 31:
        raise ValueError(f"too large to be counted in 32 bits: {tuple(picture.shape)}")
    return picture.contiguous()


def _addresses(pictures: Sequence[Tensor]) -> "ctypes.Array[c_void_p]":
    return (c_void_p * len(pictures))(*(picture.data_ptr() for picture in pictures))


@dataclass(frozen=True, slots=True)
class MotionArtefact(Artefact[CpuMotion]):
    """What is compiled."""

    @property
    def name(self) -> str:
        """See `Artefact.name`."""
        return "motion"

    @property
    def sources(self) -> tuple[Path, ...]:
        """See `Artefact.sources`."""
        return Path(__file__), Path(__file__).with_name(f"{_MAKER}.py"), SOURCE

    @property
    def maker(self) -> tuple[str, ...]:
        """See `Artefact.maker`."""
        return (f"{__package__}.{_MAKER}",)

    def read(self, library: Path) -> CpuMotion:
        """See `Artefact.read`."""
        return CpuMotion(library)


def is_repaid(pixels: float) -> bool:
    """Whether it is worth to have the code: made for so many pixels, of all frames, or made before."""
    with suppress(CompilationError):
        return MotionArtefact().is_made or _SAVED / workers().count * pixels >= _COMPILING
    return False


def motion_code(on_make: Callable[[], None] = lambda: None) -> CpuMotion | str:
    """The code, made where it is not there; or why it can't be had, in a line.

    It is loaded, or given up, once in a process.

    Args:
        on_make: told before it is made.
    """
    with suppress(CompilationError):
        if not _motion_code.cache_info().currsize and not MotionArtefact().is_made:
            on_make()
    return _motion_code()


@cache
def _motion_code() -> CpuMotion | str:
    try:
        return MotionArtefact().loaded()
    except CompilationError as error:
        return str(error)

"""An OpenEXR sequence: scene-style linear light, half float, RGB 1.0 = reference white."""

import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from .. import __version__
from ..codecs.exr import (
    Attributes,
    Compression,
    ExrPrimaries,
    aces_container,
    exr_attributes,
    finite_half,
    write_exr,
)
from ..codecs.stills.sequence import stem_of
from ..colour.hdr10 import ContentLight
from ..colour.primaries import convert
from ..cores import LITTLE_WORK, filled, give_way
from ..errors import OutputError
from ..frames import LightBatch, Timing, VideoInfo
from ..replay import replayed
from . import Fetch
from .orientation import UPRIGHT, orientation_of
from .paths import check_parent, partial_name, remove, reserve_part, translated


@dataclass(frozen=True, slots=True)
class PictureBatch:
    """Pictures ready to be written: (N, 3 or 4, H, W) half on the CPU, linear RGB, 1.0 = reference white, and A."""

    pictures: Tensor
    timings: tuple[Timing, ...]


def scene_light(batch: LightBatch, primaries: ExrPrimaries, white: float) -> Tensor:
    """Light as OpenEXR has it; colours outside of the primaries are negative. See `finite_half`.

    Args:
        batch: the light.
        primaries: of R, G, B.
        white: light of 1.0, cd/m².

    Returns:
        (N, 3, H, W) linear RGB, half; where there is opacity (N, 4, H, W): RGB multiplied by it, and it as channel A.
    """
    source = batch.primaries  # what is recorded keeps what it looks at, and is not to keep the batch

    def scene(light: Tensor, *alpha: Tensor) -> Tensor:
        rgb = convert(light, source, primaries.chromaticities) / white
        return finite_half(torch.cat((rgb * alpha[0], alpha[0]), dim=1) if alpha else rgb)

    def scenes(light: Tensor, *alpha: Tensor) -> tuple[Tensor]:
        pictures = light.new_empty(len(light), 3 + len(alpha), *light.shape[-2:], dtype=torch.half)
        return (filled(pictures, scene, light, *alpha, times=LITTLE_WORK),)

    light = batch.light
    alpha = () if batch.alpha is None else (batch.alpha.to(light.device).unsqueeze(1),)
    (pictures,) = replayed(("scene light", source, primaries, white), scenes, light, *alpha)
    return pictures


def sequence_name(stem: str, number: int) -> str:
    """The file name of a picture: `stem.000001.exr`, as Nuke, Resolve and FFmpeg read sequences."""
    return f"{stem}.{number:06}.exr"


class ExrSink:
    """Writes a numbered sequence into a folder of its own, by a pool of threads.

    Args:
        output: folder; pictures of the same name in it are only replaced with `overwrite`, other
            files in it are left alone.
        info: of the source.
        compression: of the pixels.
        reference_white: light of RGB 1.0, cd/m².
        overwrite: whether an existing sequence of the same name may be replaced.
        threads: that compress and write.
        primaries: of the pictures.
    """

    def __init__(
        self,
        output: Path,
        info: VideoInfo,
        compression: Compression,
        reference_white: float,
        overwrite: bool,
        threads: int,
        primaries: ExrPrimaries = ExrPrimaries.BT709,
    ) -> None:
        self._output = output.absolute()
        self._stem = stem_of(info.name)
        self._info = info
        self._orientation = orientation_of(info.display_matrix)
        self._compression = compression
        self._primaries = primaries
        self._white = reference_white
        self._overwrite = overwrite
        self._threads = threads
        self._count = 0
        self._begin: Fraction | None = None
        self._pending: deque[Future[None]] = deque()

    @property
    def notices(self) -> tuple[str, ...]:
        """That pictures are not upright, where they can't be turned."""
        if self._orientation is None:
            return ("the display matrix is not a right-angle turn: EXR pictures are written as coded",)
        return ()

    @property
    def content_light(self) -> ContentLight | None:
        """None: EXR is scene-style light, of no display."""
        return None

    def __enter__(self) -> Self:
        with translated(self._output):
            if self._output.exists() and not self._output.is_dir():
                raise OutputError(f"{self._output}: is a file; an EXR sequence needs a folder")
            if self._existing() and not self._overwrite:
                raise OutputError(f"{self._output}: holds a sequence {self._stem}.*.exr; use --overwrite to replace it")
        inside = self._output.is_dir()  # it may be a link or a mount point, which can't be replaced
        self._whole = self._output / self._stem if inside else self._output
        check_parent(self._whole)
        self._part = reserve_part(self._whole, Path.mkdir)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="tsexpand-exr", initializer=give_way)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        remove(self._part)

    def _existing(self) -> set[str]:
        """Names of the pictures of an earlier sequence of this name."""
        pattern = re.compile(re.escape(self._stem) + r"\.\d{6,}\.exr")
        if not self._output.is_dir():
            return set()
        return {path.name for path in self._output.iterdir() if pattern.fullmatch(path.name)}

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> PictureBatch:
        """Light to `scene_light`, upright."""
        pictures = scene_light(batch, self._primaries, self._white)
        upright = (self._orientation or UPRIGHT).upright(pictures)
        return PictureBatch(fetch(upright), batch.timings)

    def write(self, prepared: PictureBatch) -> None:
        """Hands pictures to the pool; waits while twice as many as it has threads are pending."""
        if self._info.time_code and self._begin is None and prepared.timings:
            self._begin = prepared.timings[0].seconds  # the picture that has the time code
        for picture, timing in zip(prepared.pictures, prepared.timings, strict=True):
            while len(self._pending) >= 2 * self._threads:
                self._pending.popleft().result()
            path = self._part / sequence_name(self._stem, self._info.first_number + self._count)
            task = self._pool.submit(write_exr, path, picture, self._attributes(timing), self._compression)
            self._pending.append(task)
            self._count += 1

    def _attributes(self, timing: Timing) -> Attributes:
        attributes = exr_attributes(
            frame_rate=self._info.frame_rate,
            pixel_aspect_ratio=(self._orientation or UPRIGHT).upright_aspect(self._info.sample_aspect_ratio),
            white_luminance=self._white,
            seconds=timing.seconds - (self._begin or 0),
            texts={
                "software": f"tsexpand {__version__}",
                "tsexpand:source": self._info.name.encode(errors="replace").decode(),
                "tsexpand:pts": str(timing.pts),
                "tsexpand:timeBase": str(timing.time_base),
            },
            start=self._info.time_code,
            primaries=self._primaries,
        )
        return {**attributes, **aces_container(self._primaries, self._compression)}

    def finish(self, partial: bool = False) -> None:
        """Waits for the pool."""
        while self._pending:
            self._pending.popleft().result()

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Moves the sequence to its place."""
        # By the pool, because an interruption of this thread must not cut the moving in two.
        return (self._pool.submit(self._publish, partial).result(),)

    def _publish(self, partial: bool) -> Path:
        with translated(self._output):
            if partial:
                return self._part.replace(partial_name(self._whole, end=""))
            if not self._output.is_dir():
                return self._part.replace(self._output)
            self._merge()
            return self._output

    def _merge(self) -> None:
        """Into a folder that exists: each picture replaces an earlier one; what is left of those goes last."""
        surplus = self._existing()
        for path in sorted(self._part.iterdir()):
            path.replace(self._output / path.name)
            surplus.discard(path.name)
        for name in surplus:
            (self._output / name).unlink()

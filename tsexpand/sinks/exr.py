"""An OpenEXR sequence: scene-style linear light, half float, RGB 1.0 = reference white."""

import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from .. import __version__
from ..codecs.exr import Attributes, Compression, exr_attributes, finite_half, write_exr
from ..colour.codes import Primaries
from ..colour.hdr10 import ContentLight
from ..colour.primaries import convert
from ..errors import OutputError
from ..frames import LightBatch, Timing, VideoInfo
from .paths import check_parent, part_path, remove, writable

FIRST_NUMBER = 1
"""Number of the first picture of a sequence."""


@dataclass(frozen=True, slots=True)
class PictureBatch:
    """Pictures ready to be written: (N, 3, H, W) half on the CPU, BT.709, 1.0 = reference white."""

    pictures: Tensor
    timings: tuple[Timing, ...]


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
    """

    def __init__(
        self,
        output: Path,
        info: VideoInfo,
        compression: Compression,
        reference_white: float,
        overwrite: bool,
        threads: int,
    ) -> None:
        self._output = output
        self._part = part_path(output)
        self._stem = "stdin" if info.name == "-" else Path(info.name).stem
        self._info = info
        self._compression = compression
        self._white = reference_white
        self._overwrite = overwrite
        self._threads = threads
        self._count = 0
        self._pending: deque[Future[None]] = deque()

    @property
    def notices(self) -> tuple[str, ...]:
        """A sequence has no sound, and no place for one."""
        return ()

    @property
    def content_light(self) -> ContentLight | None:
        """None: EXR is scene-style light, of no display."""
        return None

    def __enter__(self) -> Self:
        if self._output.exists() and not self._output.is_dir():
            raise OutputError(f"{self._output}: is a file; an EXR sequence needs a folder")
        if self._existing() and not self._overwrite:
            raise OutputError(f"{self._output}: holds a sequence {self._stem}.*.exr; use --overwrite to replace it")
        check_parent(self._output)
        try:
            remove(self._part)
            self._part.mkdir()
        except OSError as error:
            raise writable(error, self._part) from error
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="tsexpand-exr")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        remove(self._part)

    def _existing(self) -> list[Path]:
        pattern = re.compile(re.escape(self._stem) + r"\.\d{6,}\.exr")
        if not self._output.is_dir():
            return []
        return [path for path in self._output.iterdir() if pattern.fullmatch(path.name)]

    def prepare(self, batch: LightBatch) -> PictureBatch:
        """Light to half RGB, BT.709; colours outside its gamut keep their negative values."""
        pictures = convert(batch.light, batch.primaries, Primaries.BT709) / self._white
        return PictureBatch(finite_half(pictures).cpu(), batch.timings)

    def write(self, prepared: PictureBatch) -> None:
        """Hands pictures to the pool; waits while twice as many as it has threads are pending."""
        for picture, timing in zip(prepared.pictures, prepared.timings, strict=True):
            while len(self._pending) >= 2 * self._threads:
                self._pending.popleft().result()
            path = self._part / sequence_name(self._stem, FIRST_NUMBER + self._count)
            task = self._pool.submit(write_exr, path, picture, self._attributes(timing), self._compression)
            self._pending.append(task)
            self._count += 1

    def _attributes(self, timing: Timing) -> Attributes:
        return exr_attributes(
            frame_rate=self._info.frame_rate,
            pixel_aspect_ratio=self._info.sample_aspect_ratio,
            white_luminance=self._white,
            seconds=timing.seconds,
            texts={
                "software": f"tsexpand {__version__}",
                "tsexpand:source": self._info.name,
                "tsexpand:pts": str(timing.pts),
                "tsexpand:timeBase": str(timing.time_base),
            },
        )

    def commit(self) -> None:
        """Waits for the pool and moves the sequence to its place."""
        while self._pending:
            self._pending.popleft().result()
        try:
            if self._output.is_dir() and any(self._output.iterdir()):
                self._merge()
            else:
                self._part.replace(self._output)
        except OSError as error:
            raise writable(error, self._output) from error

    def _merge(self) -> None:
        """Into a folder that holds other things: picture by picture, what they replace first."""
        for path in self._existing():
            path.unlink()
        for path in sorted(self._part.iterdir()):
            path.replace(self._output / path.name)

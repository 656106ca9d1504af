"""One picture as a file, turned upright."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from ..colour.hdr10 import ContentLight
from ..errors import OutputError
from ..frames import LightBatch, VideoInfo
from . import Fetch
from .orientation import UPRIGHT, orientation_of
from .paths import check_file, check_parent, make_file, remove, reserve_part, translated
from .picture_formats import PictureFormat
from .video_signal import transparency_notices


class PictureSink:
    """Writes one picture.

    Args:
        output: file.
        info: of the source, which is a picture, or a clip of which one is wanted.
        form: of the file.
        overwrite: whether an existing file may be replaced.
    """

    def __init__(self, output: Path, info: VideoInfo, form: PictureFormat, overwrite: bool) -> None:
        self._output = output.absolute()
        self._form = form
        self._overwrite = overwrite
        self._orientation = orientation_of(info.display_matrix)
        self._count = 0
        self._info = self._upright(info)

    def _upright(self, info: VideoInfo) -> VideoInfo:
        turn = self._orientation or UPRIGHT
        width, height = (info.height, info.width) if turn.transposed else (info.width, info.height)
        aspect = turn.upright_aspect(info.sample_aspect_ratio)
        return replace(info, width=width, height=height, sample_aspect_ratio=aspect, display_matrix=None)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the file does not say, or was changed for it."""
        turned = ("the display matrix is not a right-angle turn: the picture is written as coded",)
        lost = () if self._form.has_alpha else transparency_notices(self._info)
        aspect = () if self._form.has_aspect else self._aspect_notices()
        return (*(() if self._orientation is not None else turned), *lost, *aspect, *self._form.notices)

    def _aspect_notices(self) -> tuple[str, ...]:
        aspect = self._info.sample_aspect_ratio
        if aspect == 1:
            return ()
        told = f"{aspect.numerator}:{aspect.denominator}"
        return (f"that pixels are {told} is not kept: they are shown as squares; .exr and .hdr keep it",)

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of the picture; none where the format does not carry them."""
        return self._form.content_light if self._count else None

    def __enter__(self) -> Self:
        check_parent(self._output)
        check_file(self._output, self._overwrite)
        self._part = reserve_part(self._output, make_file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        remove(self._part)

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> Any:
        """Light to what the format holds, upright.

        Raises:
            OutputError: it is not the only picture.
        """
        self._count += len(batch)
        if self._count > 1:
            raise OutputError(
                f"{self._output}: holds one picture, and there are more; name a folder or a video, or take one by"
                " --start and --frames 1"
            )
        turn = self._orientation or UPRIGHT
        alpha = None if batch.alpha is None else turn.upright(batch.alpha)
        return self._form.prepare(replace(batch, light=turn.upright(batch.light).contiguous(), alpha=alpha), fetch)

    def write(self, prepared: Any) -> None:
        """Writes the file under its temporary name."""
        self._form.write(self._part, prepared, self._info)

    def finish(self, partial: bool = False) -> None:
        """The file is whole once it is written."""

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Gives the file its name; see `Sink.commit`. What is written is whole, whatever `partial` says."""
        with translated(self._output):
            self._part.replace(self._output)
        return (self._output,)

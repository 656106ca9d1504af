"""From the name of an input to what reads it."""

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self

from ..errors import InputError
from ..frames import SignalBatch, Timing, VideoInfo
from .companions import Companions
from .decode import FOUND_OUT, InputFormat, VideoSource
from .deinterlacing import Deinterlacing
from .description import AS_TAGGED, SignalOverrides
from .picture_source import PictureSource
from .stills.sequence import find_pictures


class Source(Protocol):
    """An open input: what `VideoSource` says of itself."""

    files: tuple[str, ...]
    info: VideoInfo
    companions: Companions
    beginning: Fraction
    begin: Timing | None

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def batches(self, batch_size: int) -> Iterator[SignalBatch]:
        """Decodes, once."""
        ...

    def cancel(self) -> None:
        """Makes `batches` raise `Cancelled`, from any thread, at any time."""
        ...


def open_source(
    name: str,
    *,
    frame_rate: Fraction | None = None,
    start: Fraction | None = None,
    frames: int | None = None,
    overrides: SignalOverrides = AS_TAGGED,
    deinterlacing: Deinterlacing = Deinterlacing.FRAME,
    repeats: bool = False,
    scales: bool = False,
    stream: int | None = None,
    format: InputFormat = FOUND_OUT,
) -> Source:
    """Opens pictures where the name is of such, else a clip; see `PictureSource` and `VideoSource`.

    Args:
        name: of a file, a folder of pictures, a numbered sequence, an address, or `-`.
        frame_rate: at which pictures are shown; None leaves a picture on its own.
        start: seconds from the first picture to the first that is wanted.
        frames: how many pictures are wanted at most.
        overrides: what the user says of the signal instead of the input.
        deinterlacing: what becomes of interlaced pictures of a clip.
        repeats: whether a picture that can't be decoded is replaced by the one before it.
        scales: whether pictures that change their size are brought to that of the first.
        stream: number of the video stream of a clip.
        format: of a clip that does not say it itself.

    Raises:
        InputError: it can't be opened, or is a clip, which has its own frame rate, and one was given.
    """
    if format == FOUND_OUT and (pictures := find_pictures(name, frame_rate)) is not None:
        return PictureSource(pictures, start=start, frames=frames, overrides=overrides, repeats=repeats, scales=scales)
    if frame_rate is not None and format.frame_rate is None:
        raise InputError(f"{name}: a clip has its own times; leave out --frame-rate")
    return VideoSource(
        name,
        start=start,
        frames=frames,
        overrides=overrides,
        deinterlacing=deinterlacing,
        repeats=repeats,
        scales=scales,
        stream=stream,
        format=format,
    )

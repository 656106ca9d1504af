"""From the name of an input to what reads it."""

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Protocol, Self

from ..errors import InputError
from ..frames import SignalBatch, Timing, VideoInfo
from .companions import Companions
from .decode import VideoSource
from .input_format import FOUND_OUT
from .picture_source import PictureSource
from .source_options import WHOLE, SourceOptions
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


def open_source(name: str, options: SourceOptions = WHOLE) -> Source:
    """Opens pictures where the name is of such, else a clip; see `PictureSource` and `VideoSource`.

    Args:
        name: of a file, a folder of pictures, a numbered sequence, an address, or `-`.
        options: which of its pictures are wanted, and how they are read.

    Raises:
        InputError: it can't be opened, or is a clip, which has its own frame rate, and one was given.
        DeviceError: see `VideoSource`.
    """
    is_found_out = options.format == FOUND_OUT
    if is_found_out and (pictures := find_pictures(name, options.frame_rate)) is not None:
        return PictureSource(pictures, options)
    if options.frame_rate is not None and options.format.frame_rate is None:
        raise InputError(f"{name}: a clip has its own times; leave out --frame-rate")
    return VideoSource(name, options)

"""HDR to another program: over standard output, a named pipe or a device."""

from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from torch import Tensor

from ..codecs.bare_pictures import BarePictures
from ..codecs.companions import Companions
from ..codecs.encoders import EncoderOptions, library_of
from ..codecs.mux import Container, VideoWriter
from ..codecs.raw_mux import NutWriter
from ..colour.codes import ChromaSampling, Transfer
from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import SignalFormat
from ..errors import OutputError
from ..frames import LightBatch, Packets, SignalBatch, Timing, VideoInfo
from . import Fetch
from .byte_stream import ByteStream
from .video_signal import VideoSignal, transparency_notices


class PipeFormat(Enum):
    """What can be written without ever going back."""

    Y4M = "y4m"
    RAWVIDEO = "rawvideo"
    NUT = "nut"
    MKV = "mkv"
    TS = "ts"

    @classmethod
    def of(cls, output: Path) -> "PipeFormat":
        """What a pipe's own name asks for; y4m where it asks for nothing.

        Raises:
            OutputError: it asks for what a pipe can't take.
        """
        suffix = output.suffix.lower()
        if suffix in (".mp4", ".mov"):
            raise OutputError(f"{output}: is a pipe, and {suffix} has its index behind; use --to mkv, ts or nut")
        named = {f".{kind.value}": kind for kind in cls} | {".yuv": cls.RAWVIDEO}
        return named.get(suffix, cls.Y4M)


class Writer(Protocol):
    """What writes pictures and packets into a stream of some format."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What was dropped or changed so far."""
        ...

    def write(self, planes: tuple[Tensor, ...], timings: tuple[Timing, ...], packets: Packets) -> None:
        """See `VideoWriter.write`."""
        ...

    def finish(self) -> None:
        """Writes the end."""
        ...

    def close(self) -> None:
        """Lets go, of an unfinished one, too."""
        ...


class PipeSink:
    """Writes to a stream of bytes as they come; what was written can't be taken back.

    Args:
        output: its name, `-` for standard output.
        format: what is written; None for what the name asks for.
        info: of the source.
        companions: of the source, copied where the format holds them.
        options: of the encoder, where there is one.
        mastering: the display that the pictures are for; HLG names none.
        signal: HDR10 or HLG10.
    """

    def __init__(
        self,
        output: Path,
        format: PipeFormat | None,
        info: VideoInfo,
        companions: Companions,
        options: EncoderOptions,
        mastering: MasteringDisplay,
        signal: SignalFormat,
    ) -> None:
        self._name = output
        self._format = format or PipeFormat.of(output)
        self._info = info
        self._companions = companions
        self._options = options
        self._mastering = mastering if signal.transfer is Transfer.PQ else None
        self._signal, sampling = signal, ChromaSampling.HALF_BOTH
        if self._format in (PipeFormat.MKV, PipeFormat.TS):
            library = library_of(options.codec)
            self._signal, sampling = library.delivered(signal), library.sampling
        self._light = VideoSignal(self._signal, sampling)
        self._stream = ByteStream(output)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the format can't carry, and what the reader must be told."""
        return (*transparency_notices(self._info), *self._writer.notices)

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of what was written, for the encoder that comes after."""
        return self._light.content_light

    def __enter__(self) -> Self:
        self._stream.open()
        try:
            self._writer = self._open_writer()
            self._stream.check()
        except BaseException:
            self._stream.close()
            raise
        return self

    def _open_writer(self) -> Writer:
        info, signal, companions = replace(self._info, has_alpha=False), self._signal, self._companions
        if self._format in (PipeFormat.Y4M, PipeFormat.RAWVIDEO):
            return BarePictures(self._stream, self._format is PipeFormat.Y4M, info, signal, companions)
        if self._format is PipeFormat.NUT:
            return NutWriter(self._stream, info, signal, companions)
        container = Container[self._format.name]
        return VideoWriter(
            self._name, container, self._options, info, signal, self._mastering, companions, self._stream
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the stream; one that is not whole breaks off, and its reader can tell."""
        self._stream.abandon()
        self._writer.close()
        self._stream.close()

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> SignalBatch:
        """See `VideoSignal.prepare`."""
        return self._light.prepare(batch, fetch, self._writer.pack if isinstance(self._writer, VideoWriter) else None)

    def write(self, prepared: SignalBatch) -> None:
        """Writes one batch; raises what `ByteStream.check` does."""
        self._writer.write(prepared.planes, prepared.timings, prepared.packets)
        self._light.written()
        self._stream.check()

    def finish(self, partial: bool = False) -> None:
        """Writes the end; raises as `write` does."""
        self._writer.finish()
        self._stream.check()

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """All is sent already."""
        return (self._name,)

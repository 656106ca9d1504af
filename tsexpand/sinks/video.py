"""Video: light as HDR10 (PQ), HLG, or an SDR preview, encoded, with the source's other streams."""

from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor

from ..codecs.companions import Companions
from ..codecs.encoders import EncoderOptions, library_of
from ..codecs.mux import Container, NotWholeError, VideoWriter
from ..colour.codes import Transfer
from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import HDR10, SignalFormat
from ..colour.ycbcr import quantise_opacity
from ..errors import OutputError
from ..frames import LightBatch, SignalBatch, VideoInfo
from . import Fetch
from .paths import check_file, check_parent, make_file, partial_name, remove, reserve_part, translated
from .preview_signal import PreviewSignal
from .video_signal import VideoSignal, transparency_notices


class VideoSink:
    """Writes one video file.

    Args:
        output: file; its suffix names the container.
        info: of the source.
        companions: of the source, copied into the file.
        options: of the encoder.
        mastering: the display that the pictures are for; HLG and SDR name none.
        overwrite: whether an existing file may be replaced.
        signal: HDR10 or HLG10; of a preview SDR8.
        light: turns light into the signal's code values; by default as HDR.
    """

    def __init__(
        self,
        output: Path,
        info: VideoInfo,
        companions: Companions,
        options: EncoderOptions,
        mastering: MasteringDisplay | None,
        overwrite: bool,
        signal: SignalFormat = HDR10,
        light: PreviewSignal | None = None,
    ) -> None:
        self._output = output.absolute()
        self._info = info
        self._companions = companions
        self._options = options
        self._mastering = mastering if signal.transfer is Transfer.PQ else None
        self._overwrite = overwrite
        self._library = library_of(options.codec)
        self._signal = self._library.delivered(signal)
        self._light = light or VideoSignal(self._signal, self._library.sampling)

    @property
    def notices(self) -> tuple[str, ...]:
        """What was dropped or padded."""
        lost = () if self._library.has_alpha else transparency_notices(self._info)
        return (*lost, *self._writer.notices)

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of what was written so far; none for HLG and SDR, which have no such metadata."""
        return self._light.content_light

    def __enter__(self) -> Self:
        check_parent(self._output)
        check_file(self._output, self._overwrite)
        self._part = reserve_part(self._output, make_file)
        try:
            self._writer = VideoWriter(
                self._part,
                Container.of(self._output),
                self._options,
                self._info,
                self._signal,
                self._mastering,
                self._companions,
            )
        except BaseException:
            remove(self._part)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
        remove(self._part)

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> SignalBatch:
        """See `VideoSignal.prepare` and `PreviewSignal.prepare`."""
        if isinstance(self._light, PreviewSignal):
            return self._light.prepare(batch, fetch)
        return self._light.prepare(batch, fetch, self._writer.pack)

    def write(self, prepared: SignalBatch) -> None:
        """Encodes and muxes one batch."""
        planes = prepared.planes
        if self._library.has_alpha and prepared.alpha is not None:
            planes = (*planes, quantise_opacity(prepared.alpha, self._library.bit_depth))
        self._writer.write(planes, prepared.timings, prepared.packets)
        self._light.written()

    def finish(self, partial: bool = False) -> None:
        """Completes the file, and writes the measured light levels into it.

        Raises:
            OutputError: it can't be written, or does not hold what was written; then it is kept as a partial output.
        """
        try:
            self._writer.finish(self.content_light)
        except NotWholeError as error:
            kept = self._publish(partial_name(self._output, self._output.suffix))
            raise OutputError(f"{self._output}: not whole: {error}; kept as {kept.name}; check the disk") from error

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Gives the file its name."""
        return (self._publish(partial_name(self._output, self._output.suffix) if partial else self._output),)

    def _publish(self, name: Path) -> Path:
        with translated(self._output):
            return self._part.replace(name)

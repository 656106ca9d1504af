"""From the name of an output to the sink that writes it."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ..codecs.companions import Companions
from ..codecs.encoders import EncoderOptions, refuse_mismatch
from ..codecs.exr import Compression, ExrPrimaries
from ..codecs.passthrough import Container
from ..colour.hdr10 import MasteringDisplay, mastering_display
from ..colour.sdr_tone import Tone
from ..colour.signal import HDR10, SDR8, SignalFormat
from ..cores import usable
from ..errors import OutputError
from ..frames import VideoInfo
from . import Sink
from .documents import document_of
from .documents.provenance import Provenance
from .documents.sink import DocumentSink
from .exr import ExrSink
from .paths import descriptor, is_stream, refuse_sources, translated
from .picture import PictureSink
from .picture_formats import AvifPicture, ExrPicture, PictureFormat, PngPicture, RadiancePicture
from .pipe import PipeFormat, PipeSink
from .preview_signal import PreviewSignal
from .tee import TeeSink
from .video import VideoSink

# Endings that nobody gives to a folder: a slip, better refused than made into one.
_NOT_FOLDERS = re.compile(
    r"\.(avi|webm|mts|m2ts|m4v|mpe?g|mxf|ogv|wmv|flv|y4m|yuv|hevc|h?26[45]|ivf|nut|jpe?g|tiff?|gif|dpx|webp|bmp|heic|jxl)"
)


class Delivery(Enum):
    """Kind of an output."""

    EXR = "EXR sequence"
    VIDEO = "HDR video"
    PIPE = "stream for another program"
    DOCUMENT = "document"
    PICTURE = "one picture"


PICTURE_SUFFIXES = (".exr", ".hdr", ".png", ".avif")
"""Of files of one picture."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How outputs are written, whichever they are.

    Attributes:
        encoder: of video.
        compression: of EXR pictures.
        reference_white: light of SDR white, cd/m²; RGB 1.0 in EXR.
        peak: highest luminance, cd/m².
        overwrite: whether existing outputs may be replaced.
        signal: of video, HDR10 or HLG10.
        preview: the output that is an SDR preview instead: video, in H.264.
        preview_tone: how HDR light is shown in it.
        pipe_format: of streams; None for what their names ask for.
        exr_primaries: of EXR pictures.
        mastering: the display that HDR10 video names; a P3-D65 one up to the peak where None.
    """

    encoder: EncoderOptions
    compression: Compression
    reference_white: float
    peak: float
    overwrite: bool
    signal: SignalFormat = HDR10
    preview: Path | None = None
    preview_tone: Tone = Tone.BT2390
    pipe_format: PipeFormat | None = None
    exr_primaries: ExrPrimaries = ExrPrimaries.BT709
    mastering: MasteringDisplay | None = None

    @property
    def display(self) -> MasteringDisplay:
        """The display that HDR10 names."""
        return self.mastering or mastering_display(self.peak)


def delivery_of(output: Path) -> Delivery:
    """What is written under a name.

    Video for .mp4, .mov, .mkv, .ts, one picture for .exr, .hdr, .png, .avif, a document for .json, a stream for what is
    one, otherwise an EXR sequence in that folder.

    Raises:
        OutputError: the name is one of a file that is not written.
    """
    if is_stream(output):
        return Delivery.PIPE
    if document_of(output) is not None and not _is_folder(output):
        return Delivery.DOCUMENT
    suffix = output.suffix.lower()
    if suffix in Container.suffixes() and not _is_folder(output):
        return Delivery.VIDEO
    if suffix in PICTURE_SUFFIXES and not _is_folder(output):
        return Delivery.PICTURE
    if _NOT_FOLDERS.fullmatch(suffix) and not _is_folder(output):
        raise OutputError(
            f"{output}: {suffix} is not written; name a folder (EXR sequence), .mp4, .mov, .mkv, .ts (HDR10), or for"
            " one picture .exr, .hdr, .png, .avif"
        )
    return Delivery.EXR


def _is_folder(output: Path) -> bool:
    with translated(output):
        return output.is_dir()


def refuse_mismatches(outputs: Iterable[Path], encoder: EncoderOptions) -> None:
    """Raises `OutputError` where an output's container and the encoder don't go together, see `refuse_mismatch`."""
    for output in outputs:
        if delivery_of(output) is Delivery.VIDEO:
            refuse_mismatch(output, Container.of(output), encoder)


def make_sink(
    outputs: Sequence[Path],
    info: VideoInfo,
    companions: Companions,
    options: DeliveryOptions,
    provenance: Callable[[], Provenance] = Provenance,
) -> Sink[Any]:
    """The sink, not yet entered, that writes all the outputs; documents last, so that they tell of the others.

    Raises:
        OutputError: a name that is not written, the same twice, that of the source, or a document of another signal.
    """
    if len({descriptor(path) or os.path.realpath(path) for path in outputs}) < len(outputs):
        raise OutputError(f"{outputs[0]}: named twice; give each output its own name")
    refuse_sources(outputs, [info.name])
    documents = [output for output in outputs if delivery_of(output) is Delivery.DOCUMENT]
    sinks = [_one_sink(output, info, companions, options) for output in outputs if output not in documents]
    if documents:
        is_pq = options.signal.transfer is HDR10.transfer
        sinks.append(DocumentSink(documents, info, options.display, options.overwrite, is_pq, provenance))
    return sinks[0] if len(sinks) == 1 else TeeSink(sinks)


def _one_sink(output: Path, info: VideoInfo, companions: Companions, options: DeliveryOptions) -> Sink[Any]:
    if delivery_of(output) is Delivery.PICTURE:
        return PictureSink(output, info, _picture_format(output.suffix.lower(), options), options.overwrite)
    if info.is_still and delivery_of(output) is not Delivery.EXR:
        raise OutputError(f"{output}: a picture is no video; name it .exr, .hdr, .png or .avif, or give --frame-rate")
    if output == options.preview:
        encoder = EncoderOptions("h264")
        light = PreviewSignal(options.preview_tone, options.peak, options.reference_white)
        return VideoSink(output, info, companions, encoder, None, options.overwrite, SDR8, light)
    if delivery_of(output) is Delivery.VIDEO:
        return VideoSink(output, info, companions, options.encoder, options.display, options.overwrite, options.signal)
    if delivery_of(output) is Delivery.PIPE:
        how = (options.encoder, options.display, options.signal)
        return PipeSink(output, options.pipe_format, info, companions, *how)
    white, primaries = options.reference_white, options.exr_primaries
    return ExrSink(output, info, options.compression, white, options.overwrite, usable(), primaries)


def _picture_format(suffix: str, options: DeliveryOptions) -> PictureFormat:
    if suffix == ".exr":
        return ExrPicture(options.compression, options.reference_white, options.exr_primaries)
    if suffix == ".hdr":
        return RadiancePicture(options.reference_white)
    if suffix == ".png":
        return PngPicture(options.signal, options.display)
    return AvifPicture(options.signal, options.display, options.encoder)

"""Opening an input that may be anything, and finding its pictures."""

import stat
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..errors import InputError
from .input_format import FOUND_OUT, InputFormat, full_name
from .pipes import BLOCK, Pipe, is_pipe

MAX_PIXELS = 1 << 28
"""Largest picture, 16384 × 16384: what a hostile header may make us allocate is bounded."""

PROBING = {"probesize": "20000000", "analyzeduration": "20000000"}
"""How far FFmpeg may look for streams: bytes, microseconds; enough for broadcast recordings."""

_WITH_OPACITY = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders of codecs whose opacity is a second stream beside the pictures (WebM's BlockAdditional)."""

COVER_ART = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
"""What marks video streams that are no moving pictures."""

LOCAL_PROTOCOLS = "file,pipe,fd,crypto,data,concat,subfile"
"""What a local playlist may refer to: a file that someone sent must not reach out to the network."""

NETWORK = {"rw_timeout": "30000000"}
"""Microseconds that a server may be silent."""

HTTP = {
    "reconnect": "1",
    "reconnect_on_network_error": "1",
    "reconnect_max_retries": "4",
    "reconnect_delay_max": "5",
}
"""A connection that breaks is made again, from where it broke: at most so often, with so many seconds between."""

_NO_COUNT = 1 << 29
"""Number of pictures from which on an AVI states none: what is written to a pipe holds 1 << 30 instead."""


@dataclass(frozen=True, slots=True)
class OpenInput:
    """An input that FFmpeg has opened.

    Attributes:
        container: of streams.
        pipe: what it is read from, where that is a pipe.
        is_file: whether it is an ordinary file, in which one may search.
    """

    container: InputContainer
    pipe: Pipe | None
    is_file: bool

    @property
    def format(self) -> str:
        """FFmpeg's name of the format, the same whether it was found out or said."""
        return full_name(self.container.format.name)

    @property
    def length(self) -> int | None:
        """Bytes of a file, or those that a pipe has given so far; None of an address."""
        if self.pipe is not None:
            return self.pipe.length
        return self.path.stat().st_size if self.is_file else None

    @property
    def path(self) -> Path:
        """Of a file."""
        return Path(self.container.name.removeprefix("file:"))

    def check(self) -> None:
        """Raises what has ended the reading of a pipe early, see `Pipe.check`."""
        if self.pipe is not None:
            self.pipe.check()

    def close(self) -> None:
        """Closes all."""
        self.container.close()
        if self.pipe is not None:
            self.pipe.close()


def reason(error: Exception) -> str:
    """FFmpeg's or the system's own words, without number and file name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def open_input(name: str, format: InputFormat = FOUND_OUT) -> OpenInput:
    """Opens a file, a named pipe, an address, or standard input.

    Args:
        name: a path, `-` for standard input, or any address that FFmpeg knows.
        format: what is said of it.

    Raises:
        InputError: it can't be opened, or is not media.
    """
    if is_pipe(name):
        return _open_pipe(name, format)
    mode = _mode(name)
    if mode is None:  # an address, or FFmpeg says why not
        options = NETWORK | HTTP if name.startswith(("http:", "https:")) else NETWORK
        return OpenInput(_open(name, name, format, options), None, is_file=False)
    address = f"file:{name}"  # else a path such as a:b.mp4 would be taken for a protocol
    container = _open(name, address, format, {"protocol_whitelist": LOCAL_PROTOCOLS})
    return OpenInput(container, None, is_file=stat.S_ISREG(mode))


def _open_pipe(name: str, format: InputFormat) -> OpenInput:
    if not format.is_of_bytes:
        raise InputError(f"{name}: {format.name} does not come through a pipe; name the file")
    pipe = Pipe(name)
    try:
        try:
            container = _open(name, pipe, format, {"protocol_whitelist": LOCAL_PROTOCOLS})
        finally:
            pipe.check()  # an interruption looks like the end of the file to FFmpeg
    except BaseException:
        pipe.close()
        raise
    return OpenInput(container, pipe, is_file=False)


def _open(name: str, source: str | Pipe, format: InputFormat, options: dict[str, str]) -> InputContainer:
    options = {**PROBING, **format.options, **options}
    try:
        return av.open(source, "r", format.name, options=options, metadata_errors="replace", buffer_size=BLOCK)
    except (av.error.InvalidDataError, av.error.EOFError):
        raise InputError(f"{name}: {_why_not_media(name, format)}") from None
    except av.error.FFmpegError as error:
        raise InputError(f"{name}: can't be opened ({reason(error)})") from None


def _mode(name: str) -> int | None:
    """The mode of a file, None where there is none that can be reached."""
    try:
        return Path(name).stat().st_mode
    except OSError:  # also of a name that is too long for a file, as addresses may be
        return None


def _why_not_media(name: str, format: InputFormat) -> str:
    mode = _mode(name)
    if mode is not None and stat.S_ISREG(mode) and Path(name).stat().st_size == 0:
        return "empty file"
    return f"not {format.name or 'a media file'}, or empty, or cut off before its header"


def moving_streams(container: InputContainer) -> list[VideoStream]:
    """The video streams that are no cover art or thumbnails, in the input's order."""
    return [stream for stream in container.streams.video if not stream.disposition & COVER_ART]


def find_video(container: InputContainer, name: str, number: int | None = None) -> VideoStream:
    """A stream of moving pictures, ready to decode; cover art is none.

    Args:
        container: opened.
        name: of the input, for errors.
        number: of the stream among `moving_streams`, the first is 0. None: the one marked as the
            default, as players do, else the first.

    Raises:
        InputError: there is none, it can't be decoded, or its pictures are too large.
    """
    stream = _chosen(container, name, number)
    context = stream.codec_context
    if context is None:
        raise InputError(f"{name}: no decoder for its video stream")
    if context.width * context.height > MAX_PIXELS:
        raise InputError(f"{name}: pictures of {context.width}×{context.height} are larger than {MAX_PIXELS} pixels")
    _configure(context)
    return stream


def _chosen(container: InputContainer, name: str, number: int | None) -> VideoStream:
    moving = moving_streams(container)
    if not moving:
        still = "only a still picture (cover art), no video stream" if container.streams.video else "no video stream"
        raise InputError(f"{name}: {still}")
    if number is None:
        return next((stream for stream in moving if stream.disposition & av.stream.Disposition.default), moving[0])
    if number >= len(moving):
        there = "one video stream, which is 0" if len(moving) == 1 else f"video streams 0 to {len(moving) - 1}"
        raise InputError(f"{name}: has no video stream {number}; it has {there}")
    return moving[number]


def stated_frames(stream: VideoStream) -> int | None:
    """How many pictures the header says there are."""
    return stream.frames if 0 < stream.frames < _NO_COUNT else None


def decoder_of(stream: VideoStream) -> VideoCodecContext:
    """A stream's own decoder, or libvpx where there is opacity that FFmpeg's own passes over."""
    own = stream.codec_context
    library = _WITH_OPACITY.get(own.codec.canonical_name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if library is None or tags.get("alpha_mode") != "1" or library not in av.codecs_available:
        return own
    return new_decoder(stream, library)


def new_decoder(stream: VideoStream, codec: str, hwaccel: HWAccel | None = None) -> VideoCodecContext:
    """A decoder beside the stream's own.

    Args:
        stream: to be decoded.
        codec: FFmpeg's name of the decoder.
        hwaccel: the hardware that it decodes on, if any.

    Raises:
        FFmpegError: the hardware can't be used.
    """
    decoder = av.CodecContext.create(codec, "r", hwaccel=hwaccel)
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    _configure(decoder)
    return decoder


def _configure(context: VideoCodecContext) -> None:
    context.thread_type = "AUTO"
    context.options = {"max_pixels": str(MAX_PIXELS)}

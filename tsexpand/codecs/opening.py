"""Opening an input that may be anything, and finding its pictures."""

from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ..errors import InputError

STDIN = "-"

MAX_PIXELS = 1 << 28
"""Largest picture, 16384 × 16384: what a hostile header may make us allocate is bounded."""

PROBING = {"probesize": "20000000", "analyzeduration": "20000000"}
"""How far FFmpeg may look for streams: bytes, microseconds; enough for broadcast recordings."""

LOCAL_PROTOCOLS = "file,pipe,fd,crypto,data,concat,subfile"
"""What a local playlist may refer to: a file that someone sent must not reach out to the network."""


def reason(error: Exception) -> str:
    """FFmpeg's or the system's own words, without number and file name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def open_input(name: str) -> InputContainer:
    """Opens a file, an address, or standard input.

    Args:
        name: a path, `-` for standard input, or any address that FFmpeg knows.

    Raises:
        InputError: it can't be opened, or is not media.
    """
    options = dict(PROBING)
    address = name
    if name == STDIN:
        address = "pipe:0"
    elif Path(name).exists():
        address = f"file:{name}"  # else a path such as a:b.mp4 would be taken for a protocol
        options["protocol_whitelist"] = LOCAL_PROTOCOLS
    try:
        return av.open(address, "r", options=options, metadata_errors="replace")
    except (av.error.InvalidDataError, av.error.EOFError):
        raise InputError(f"{name}: {_why_not_media(name)}") from None
    except av.error.FFmpegError as error:
        raise InputError(f"{name}: can't be opened ({reason(error)})") from None


def _why_not_media(name: str) -> str:
    if Path(name).is_file() and Path(name).stat().st_size == 0:
        return "empty file"
    return "not a media file, or empty, or cut off before its header"


def find_video(container: InputContainer, name: str) -> VideoStream:
    """The first stream of moving pictures, ready to decode; cover art is none.

    Raises:
        InputError: there is none, it can't be decoded, or its pictures are too large.
    """
    art = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    stream = next((s for s in container.streams.video if not s.disposition & art), None)
    if stream is None:
        raise InputError(f"{name}: no video stream")
    context = stream.codec_context
    if context is None:
        raise InputError(f"{name}: no decoder for its video stream")
    if context.width * context.height > MAX_PIXELS:
        raise InputError(f"{name}: pictures of {context.width}×{context.height} are larger than {MAX_PIXELS} pixels")
    stream.thread_type = "AUTO"
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream

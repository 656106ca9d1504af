"""What of an input's other streams a container can carry, and how.

It is found out before the first packet by trying: each stream against a container in memory that is thrown
away. Text that a container can't hold is recoded; the rest is dropped, with a notice.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, Stream

from ..errors import OutputError
from .plain_sound import PLAIN_LAYOUTS, SoundRecoder, can_be_decoded
from .text_subtitles import TEXT_CODECS, TextRecoder

Recoder = TextRecoder | SoundRecoder

_STALE_METADATA = frozenset(
    {
        "MAJOR_BRAND",
        "MINOR_VERSION",
        "COMPATIBLE_BRANDS",
        "ENCODER",
        "DURATION",
        "BPS",
        "NUMBER_OF_FRAMES",
        "NUMBER_OF_BYTES",
        "VENDOR_ID",
        "ALPHA_MODE",
    }
)
"""What describes the input file and not what is kept of it; Matroska may append a language: BPS-eng."""

_DESCRIBED_BY_PACKETS = frozenset({"ac3", "eac3"})
"""Codecs for which FFmpeg's MP4 muxer needs a packet before it can write the header."""


_IN_TRANSPORT_STREAMS = frozenset(
    {"aac", "ac3", "eac3", "mp1", "mp2", "mp3", "dts", "truehd", "opus", "s302m", "dvb_subtitle", "dvb_teletext"}
)
"""Codecs for which MPEG-TS has a stream type or descriptor; FFmpeg writes any other as data that nobody can name."""


class Container(Enum):
    """File formats for video, by FFmpeg's names."""

    MP4 = "mp4"
    MOV = "mov"
    MKV = "matroska"
    TS = "mpegts"
    NUT = "nut"

    @classmethod
    def suffixes(cls) -> "dict[str, Container]":
        """Suffixes of paths, and the format that each asks for; NUT is for pipes only."""
        return {f".{container.name.lower()}": container for container in cls if container is not Container.NUT}

    @classmethod
    def of(cls, path: Path) -> "Container":
        """The format that a path's suffix asks for; raises OutputError where there is none."""
        suffixes = cls.suffixes()
        if path.suffix.lower() not in suffixes:
            raise OutputError(f"{path}: suffix of no video format we write; use {', '.join(suffixes)}")
        return suffixes[path.suffix.lower()]


_TEXT_CODECS = {Container.MP4: "mov_text", Container.MOV: "mov_text", Container.MKV: "subrip"}
"""What text subtitles are recoded to where a container can't hold them as they are."""


def lasting(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata without what was true of the input file only; QuickTime's name of a track is its title."""
    kept = {key: value for key, value in metadata.items() if not _is_stale(key.upper())}
    return kept if "name" not in kept or "title" in kept else {**kept, "title": kept["name"]}


def _is_stale(key: str) -> bool:
    return key.startswith("_STATISTICS") or key.partition("-")[0] in _STALE_METADATA


@dataclass(frozen=True, slots=True)
class Carried:
    """A stream of the input that goes into the output.

    Attributes:
        stream: likewise.
        is_recoded: whether its text, or its sound, is decoded and written in another way; else its packets are copied.
    """

    stream: Stream
    is_recoded: bool = False


def sort_streams(streams: tuple[Stream, ...], container: Container) -> tuple[list[Carried], list[str]]:
    """Which streams the container can carry, and how.

    Returns:
        Those that it carries, and a sentence on each that is dropped or recoded.
    """
    carried: list[Carried] = []
    notices: list[str] = []
    for stream in streams:
        choice = _choice(stream, container)
        if choice is not None:
            carried.append(choice)
        notices += _notices(stream, choice, container)
    return carried, notices


def _choice(stream: Stream, container: Container) -> Carried | None:
    """As it is where that fits, else recoded, else not at all."""
    choices = (Carried(stream), Carried(stream, is_recoded=True))
    return next((choice for choice in choices if _fits(choice, container)), None)


def _fits(carried: Carried, container: Container) -> bool:
    """Whether a header with the stream can be written.

    MP4 and MOV write theirs at the end, where a refusal is late: here it is asked for at once.
    """
    if carried.is_recoded and not _can_be_recoded(carried.stream, container):
        return False
    if container is Container.TS and _codec(carried.stream) not in _IN_TRANSPORT_STREAMS:
        return False
    at_once = container in (Container.MP4, Container.MOV) and _codec(carried.stream) not in _DESCRIBED_BY_PACKETS
    options = {"movflags": "empty_moov"} if at_once else {}
    trial = av.open(io.BytesIO(), "w", format=container.value, container_options=options)
    try:
        add_to(trial, carried)
        trial.start_encoding()
    except (ValueError, FFmpegError):  # PyAV's and FFmpeg's ways to say no
        return False
    finally:
        with suppress(FFmpegError):  # some trailers want packets
            trial.close()
    return True


def _can_be_recoded(stream: Stream, container: Container) -> bool:
    """Text and sound where there is a form of them that all players read."""
    if _codec(stream) in TEXT_CODECS:
        return container in _TEXT_CODECS
    return container not in (Container.MP4, Container.TS) and can_be_decoded(stream)


def _notices(stream: Stream, choice: Carried | None, container: Container) -> Iterator[str]:
    others = [c for c in Container.suffixes().values() if c is not container]
    whole = " or ".join(c.name for c in others if _fits(Carried(stream), c))
    if choice is None:
        where = " or ".join(c.name for c in others if _choice(stream, c) is not None)
        yield f"{title_of(stream)} dropped: {container.name} can't hold it" + (f"; {where} can" if where else "")
    elif choice.is_recoded and stream.type == "audio":
        yield f"{title_of(stream)} becomes PCM in {container.name}" + (f"; {whole} keeps it as it is" if whole else "")
    elif choice.is_recoded:
        lost = "bold, italics and colours are kept, other styling is not"
        yield f"{title_of(stream)} becomes {_TEXT_CODECS[container]} in {container.name}: {lost}; {whole} keeps all"
    elif container is Container.MP4 and _codec(stream).startswith("pcm_"):
        yield f"{title_of(stream)}: players from before 2023 misread PCM in MP4; MOV and MKV are safe"


def title_of(stream: Stream) -> str:
    """What a stream is called in notices."""
    if isinstance(stream, AttachmentStream):
        return f"attachment {_file_name(stream)}"
    return f"{stream.type} stream {stream.index} ({', '.join(filter(None, (_codec(stream), stream.language)))})"


def _codec(stream: Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def _file_name(stream: AttachmentStream) -> str:
    return stream.metadata.get("filename", f"attachment-{stream.index}")


def add_to(output: OutputContainer, carried: Carried) -> Stream | Recoder:
    """A stream like the given one in the output, or what recodes into one."""
    stream = carried.stream
    if isinstance(stream, AttachmentStream):
        return output.add_attachment(_file_name(stream), stream.mimetype or "application/octet-stream", stream.data)
    if stream.type not in ("audio", "subtitle"):
        raise ValueError(f"{stream.type} streams are not carried over")
    if carried.is_recoded:
        recoder = _recoder(output, stream)
        _describe(recoder.stream, stream)
        return recoder
    added = output.add_stream_from_template(stream, opaque=True)
    if isinstance(added, AudioStream) and added.codec_context.layout.name in PLAIN_LAYOUTS:
        added.codec_context.layout = PLAIN_LAYOUTS[added.codec_context.layout.name]
    _describe(added, stream)
    return added


def _recoder(output: OutputContainer, stream: Stream) -> Recoder:
    if isinstance(stream, AudioStream):
        return SoundRecoder(output, stream)
    return TextRecoder(output, stream, _TEXT_CODECS[Container(output.format.name)])


def _describe(added: Stream, stream: Stream) -> None:
    added.metadata.update(lasting(stream.metadata))
    added.disposition = stream.disposition

"""The input's other streams, chapters and metadata, carried into the output as they are.

What the output can hold is found out before its first packet by trying: each stream against a
container in memory that is thrown away. The rest is dropped, with a notice.
"""

import io
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.error import FFmpegError, InvalidDataError
from av.rational import AVRational
from av.stream import AttachmentStream, Stream

from ..errors import OutputError
from ..frames import Packets
from .companions import Companions

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


class Container(Enum):
    """File formats for video, by FFmpeg's names."""

    MP4 = "mp4"
    MOV = "mov"
    MKV = "matroska"

    @classmethod
    def suffixes(cls) -> "dict[str, Container]":
        """Suffixes of paths, and the format that each asks for."""
        return {f".{container.name.lower()}": container for container in cls}

    @classmethod
    def of(cls, path: Path) -> "Container":
        """The format that a path's suffix asks for; raises OutputError where there is none."""
        suffixes = cls.suffixes()
        if path.suffix.lower() not in suffixes:
            raise OutputError(f"{path}: suffix of no video format we write; use {', '.join(suffixes)}")
        return suffixes[path.suffix.lower()]


def lasting(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata without what was true of the input file only."""
    return {key: value for key, value in metadata.items() if not _is_stale(key.upper())}


def _is_stale(key: str) -> bool:
    return key.startswith("_STATISTICS") or key.partition("-")[0] in _STALE_METADATA


def sort_streams(streams: tuple[Stream, ...], container: Container) -> tuple[list[Stream], list[str]]:
    """Which streams the container can hold.

    Returns:
        Those that it holds, and a sentence on each of the others.
    """
    kept = [stream for stream in streams if _fits(stream, container)]
    return kept, [_dropped(stream, container) for stream in streams if stream not in kept]


def _fits(stream: Stream, container: Container) -> bool:
    """Whether a header with the stream can be written.

    MP4 and MOV write theirs at the end, where a refusal is late: here it is asked for at once.
    """
    at_once = container is not Container.MKV and _codec(stream) not in _DESCRIBED_BY_PACKETS
    options = {"movflags": "empty_moov"} if at_once else {}
    trial = av.open(io.BytesIO(), "w", format=container.value, container_options=options)
    try:
        _add(trial, stream)
        trial.start_encoding()
    except (ValueError, FFmpegError):  # PyAV's and FFmpeg's ways to say no
        return False
    finally:
        with suppress(FFmpegError):  # some trailers want packets
            trial.close()
    return True


def _dropped(stream: Stream, container: Container) -> str:
    others = [c.name for c in Container if c is not container and _fits(stream, c)]
    where = f"; {' or '.join(others)} can" if others else ""
    return f"{_title(stream)} dropped: {container.name} can't hold it{where}"


def _title(stream: Stream) -> str:
    if isinstance(stream, AttachmentStream):
        return f"attachment {_file_name(stream)}"
    return f"{stream.type} stream {stream.index} ({', '.join(filter(None, (_codec(stream), stream.language)))})"


def _codec(stream: Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else "unknown"


def _file_name(stream: AttachmentStream) -> str:
    return stream.metadata.get("filename", f"attachment-{stream.index}")


def _add(output: OutputContainer, stream: Stream) -> Stream:
    """A stream like the given one in the output."""
    if isinstance(stream, AttachmentStream):
        return output.add_attachment(_file_name(stream), stream.mimetype or "application/octet-stream", stream.data)
    if stream.type not in ("audio", "subtitle"):
        raise ValueError(f"{stream.type} streams are not carried over")
    added = output.add_stream_from_template(stream, opaque=True)
    added.metadata.update(lasting(stream.metadata))
    added.disposition = stream.disposition
    return added


class Passthrough:
    """Copies packets of kept streams into an output whose header is not yet written.

    Args:
        output: open for writing.
        streams: that it can hold.
        companions: chapters and metadata.

    Attributes:
        delay: seconds added to the times of all packets.
    """

    def __init__(self, output: OutputContainer, streams: list[Stream], companions: Companions) -> None:
        self.delay = Fraction(0)
        self._output = output
        self._streams = {stream.index: _add(output, stream) for stream in streams}
        self._ends: dict[int, int] = {}
        self._repairs: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        output.set_chapters([dict(chapter) for chapter in companions.chapters])  # type: ignore[misc]
        output.metadata.update(lasting(companions.metadata))

    @property
    def notices(self) -> tuple[str, ...]:
        """What had to be repaired or dropped so far, a sentence each."""
        repaired = (f"{title}: repaired the times of {count} packets" for title, count in self._repairs.items())
        refused = (f"{count} damaged packets of {title} are not kept." for title, count in self._refused.items())
        return (*repaired, *refused)

    def mux(self, packets: Packets) -> None:
        """Writes packets of the input's streams, bytes unchanged; those of other streams are passed over."""
        for packet in packets:
            assert isinstance(packet, av.Packet)
            target = self._streams.get(packet.stream.index)
            if target is not None and packet.size:
                self._mux(packet, target)

    def _mux(self, packet: "av.Packet[Any]", target: Stream) -> None:
        """Muxes, then restores the packet: muxing changes its clock, and another output may be next."""
        source, clock = packet.stream, (packet.time_base, packet.pts, packet.dts, packet.duration)
        assert target.time_base is not None  # the header is written
        packet.rescale_ts(AVRational(target.time_base.numerator, target.time_base.denominator))
        _delay(packet, round(self.delay / target.time_base))
        if self._put_in_order(packet, target):
            self._repairs[_title(source)] += 1
        packet.stream = target
        try:
            self._output.mux(packet)
        except InvalidDataError:  # of the muxer's own filter, such as ADTS to MP4's AAC, in front of all interleaving
            self._refused[_title(source)] += 1
        packet.stream = source
        packet.time_base, packet.pts, packet.dts, packet.duration = clock

    def _put_in_order(self, packet: "av.Packet[Any]", target: Stream) -> bool:
        """Makes the decoding times rise, as muxers demand and damaged files don't; whether it had to."""
        end = self._ends.get(target.index)
        stated = packet.pts if packet.dts is None else packet.dts
        floor = stated if end is None else end + (target.type == "audio")
        dts = max((time for time in (stated, floor) if time is not None), default=0)
        pts = dts if packet.pts is None else max(packet.pts, dts)
        changed = (packet.pts, packet.dts) != (pts, dts)
        packet.pts, packet.dts = pts, dts
        self._ends[target.index] = dts
        return changed


def _delay(packet: "av.Packet[Any]", ticks: int) -> None:
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks

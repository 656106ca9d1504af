"""Writes the measured light levels into a finished file, in place.

MaxCLL and MaxFALL are known only when the last picture is done, but stand in every keyframe and in
the container's header. The file is written with a placeholder of the same size, which is replaced
here wherever it stands: found by parsing, checked before it is overwritten. Nothing moves.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import av
from av.stream import Discard

from ..colour.hdr10 import ContentLight
from .ebml import COLOUR, within
from .static_metadata import PLACEHOLDER, Coding, light_offset, light_payload, messages_in

_SAMPLE_ENTRIES = (b"hvc1", b"av01", b"apco", b"apcs", b"apcn", b"apch", b"ap4h", b"ap4x", b"AVdh")
_BOX_PARENTS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"stsd": 8} | dict.fromkeys(
    _SAMPLE_ENTRIES, 78
)
"""ISO BMFF boxes to look into, and how many bytes precede their children (ISO/IEC 14496-12)."""

_MAX_CLL, _MAX_FALL, _MASTERING = 0x55BC, 0x55BD, 0x55D0

_BLOCK_HEADER = 64
"""FFmpeg gives the position of a Matroska packet's block, whose header is shorter than this."""

Place = tuple[int, slice]
"""An offset in the file, and which bytes of the payload stand there."""

_BOTH, _CLL, _FALL = slice(0, 4), slice(0, 2), slice(2, 4)
_LEVELS = {_MAX_CLL: _CLL, _MAX_FALL: _FALL}


def patch_content_light(path: Path, coding: Coding, light: ContentLight) -> None:
    """Replaces the placeholder in a finished MP4, MOV or Matroska file and makes it durable.

    Args:
        path: of the file, written by `VideoWriter` with its static metadata.
        coding: of its video.
        light: the measured levels; see `without_emulation` for the one case where MaxCLL is raised.

    Raises:
        ValueError: a keyframe has no placeholder, or something else stands in its place.
    """
    old, new = light_payload(PLACEHOLDER), light_payload(without_emulation(light))
    places = [*(_in_keyframes(path, coding) if coding.has_messages else ()), *_levels_in_header(path)]
    with path.open("r+b") as file:
        _check(file, places, old)
        for offset, part in places:
            file.seek(offset)
            file.write(new[part])
        file.flush()
        os.fsync(file.fileno())


class Declared(NamedTuple):
    """What a file says of its light.

    Attributes:
        container_levels: in its header, wherever they stand.
        container_displays: how often its header names the mastering display.
        keyframe_levels: of each keyframe that has them.
        keyframe_displays: for each keyframe, whether it names the mastering display; none of a coding that can't.
        sample_entry: what an MP4 or MOV calls the coding, such as "hvc1"; None for other files.
    """

    container_levels: tuple[ContentLight, ...]
    container_displays: int
    keyframe_levels: tuple[ContentLight, ...]
    keyframe_displays: tuple[bool, ...]
    sample_entry: str | None


def declared_metadata(path: Path, codec: str) -> Declared:
    """The static metadata of an MP4, MOV or Matroska file, as it stands in the bytes.

    Args:
        path: of the file.
        codec: FFmpeg's name of its video's coding.

    Raises:
        ValueError: it is of no coding that we write, or not such a file, or damaged.
    """
    try:
        return _declared_metadata(path, codec)
    except (IndexError, EOFError, struct.error, RecursionError, av.FFmpegError) as error:
        raise ValueError("can't be read: the file is cut off or damaged") from error


def _declared_metadata(path: Path, codec: str) -> Declared:
    coding = Coding(codec) if codec in (c.value for c in Coding) else None
    if coding is None:
        raise ValueError(f"{codec} carries none that is known here")
    cll, fall = [], []
    with path.open("rb") as file:
        for offset, part in _levels_in_header(path):
            file.seek(offset)
            payload = bytearray(_BOTH.stop)
            payload[part] = file.read(part.stop - part.start)
            cll += [int.from_bytes(payload[_CLL], "big")] if part in (_BOTH, slice(part.start, _CLL.stop)) else []
            fall += [int.from_bytes(payload[_FALL], "big")] if part.stop == _FALL.stop else []
    in_header = [ContentLight(*pair) for pair in zip(cll, fall, strict=False)]
    levels, displays, entry = [], [], None
    with av.open(str(path.absolute())) as source:
        video = source.streams.video[0]
        if source.format.name.startswith("mov"):
            entry = video.codec_context.codec_tag
        video.discard = Discard.nonkey
        for packet in source.demux(video):
            if packet.is_keyframe and packet.size and coding.has_messages:
                light, has_display = messages_in(coding, bytes(packet))
                displays.append(has_display)
                levels += [light] if light else []
    in_container = sum(part is None for _, part in _in_header(path))
    return Declared(tuple(in_header), in_container, tuple(levels), tuple(displays), entry)


def without_emulation(light: ContentLight) -> ContentLight:
    """Levels whose bytes need no emulation prevention in HEVC, so that they fit the placeholder.

    Two zero bytes before one up to 3 would need a byte more; MaxCLL is then declared 1 cd/m² higher.
    """
    collides = light.max_cll & 0xFF == 0 and light.max_fall <= 3
    return replace(light, max_cll=light.max_cll + 1) if collides else light


def _check(file: BinaryIO, places: Iterable[Place], expected: bytes) -> None:
    for offset, part in places:
        file.seek(offset)
        if file.read(part.stop - part.start) != expected[part]:
            raise ValueError(f"no placeholder at byte {offset}")


def _in_keyframes(path: Path, coding: Coding) -> Iterator[Place]:
    with av.open(str(path.absolute())) as source, path.open("rb") as file:
        video = source.streams.video[0]
        video.discard = Discard.nonkey
        for packet in source.demux(video):
            if packet.is_keyframe and packet.pos is not None:
                keyframe = bytes(packet)
                yield _position(file, packet.pos, keyframe) + light_offset(coding, keyframe), _BOTH


def _position(file: BinaryIO, near: int, packet: bytes) -> int:
    """Where the bytes of the packet begin in the file."""
    file.seek(near)
    shift = file.read(_BLOCK_HEADER + len(packet)).find(packet)
    if shift < 0:
        raise ValueError(f"no packet near byte {near}")
    return near + shift


def _levels_in_header(path: Path) -> Iterator[Place]:
    return ((offset, part) for offset, part in _in_header(path) if part is not None)


def _in_header(path: Path) -> Iterator[tuple[int, slice | None]]:
    """Where the light levels stand, and, with None, the mastering display."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(0)
        is_matroska = file.read(4) == b"\x1a\x45\xdf\xa3"
        yield from _in_elements(file, 0, end) if is_matroska else _in_boxes(file, 0, end)


def _in_boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, slice | None]]:
    """The clli and mdcv boxes of an ISO file (MP4, MOV)."""
    while at + 8 <= end:
        file.seek(at)
        size, kind, body = int.from_bytes(file.read(4), "big"), file.read(4), at + 8
        if size == 1:
            size, body = int.from_bytes(file.read(8), "big"), at + 16
        after = at + size if size else end
        if kind in (b"clli", b"mdcv"):
            yield body, _BOTH if kind == b"clli" else None
        elif kind in _BOX_PARENTS:
            yield from _in_boxes(file, body + _BOX_PARENTS[kind], after)
        at = after


def _in_elements(file: BinaryIO, at: int, end: int) -> Iterator[tuple[int, slice | None]]:
    """The MaxCLL, MaxFALL and MasteringMetadata elements of a Matroska file."""
    for found in within(file, at, end, COLOUR):
        if found.identity == _MASTERING:
            yield found.body, None
        elif found.identity in _LEVELS:
            stop = _LEVELS[found.identity].stop
            width = min(found.end - found.body, 2)  # a small number may take fewer bytes, or more
            yield found.end - width, slice(stop - width, stop)

"""EBML, of which Matroska is made: elements written, and found in what is there (RFC 8794)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

SEGMENT, INFO, TRACKS, TRACK, VIDEO, CLUSTER = 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675
"""What Matroska calls its parts (RFC 9559)."""

COLOUR = frozenset({SEGMENT, TRACKS, TRACK, VIDEO, 0x55B0})
"""What Matroska's statements on colour are in."""

_ENDLESS = 1 << 62
"""Stands for a size that is not known."""


class Element(NamedTuple):
    """Where an element lies, in bytes from the beginning.

    Attributes:
        identity: with its marker, as RFC 9559 names it.
        start: of its header.
        body: of what it holds.
        end: as its size says; where that is unknown beyond all ends.
    """

    identity: int
    start: int
    body: int
    end: int


def elements(file: BinaryIO, at: int, end: int) -> Iterator[Element]:
    """The elements from one place to another, one after the other; the file may be moved about between them.

    Raises:
        EOFError: the file ends within a header.
    """
    while at < end:
        file.seek(at)
        identity, size = _read_number(file, keep_marker=True), _read_number(file, keep_marker=False)
        body = file.tell()
        yield Element(identity, at, body, body + size)
        at = body + size


def within(file: BinaryIO, at: int, end: int, parents: frozenset[int]) -> Iterator[Element]:
    """The elements from one place to another; instead of each of the parents those that it holds.

    Raises:
        EOFError: the file ends within a header.
    """
    for found in elements(file, at, end):
        after = min(found.end, end)
        if found.identity in parents:
            yield from within(file, found.body, after, parents)
        else:
            yield found._replace(end=after)


def _read_number(file: BinaryIO, keep_marker: bool) -> int:
    """A number of variable length: leading zero bits say how many bytes follow the first."""
    first = file.read(1)
    length = 9 - first[0].bit_length() if first else 1
    encoded = first + file.read(length - 1)
    if len(encoded) < length:
        raise EOFError("the file ends within the header of an element")
    value = int.from_bytes(encoded, "big")
    if keep_marker:
        return value
    unknown = (1 << 7 * length) - 1
    return _ENDLESS if value & unknown == unknown else value & unknown


def element(identity: int, body: bytes) -> bytes:
    """Identity, size in as few bytes as hold it, body."""
    length = -(-(len(body) + 1).bit_length() // 7)  # all ones would mean that the size is unknown
    size = (1 << 7 * length | len(body)).to_bytes(length, "big")
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big") + size + body


def number(identity: int, value: int) -> bytes:
    """An unsigned integer."""
    return element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def real(identity: int, value: float) -> bytes:
    """A number of double precision."""
    return element(identity, struct.pack(">d", value))


def text(identity: int, value: str) -> bytes:
    """A string."""
    return element(identity, value.encode())


def void(length: int) -> bytes:
    """An element of 2 to 128 bytes in all that says nothing; of 0 bytes none."""
    if length == 0:
        return b""
    if not 2 <= length <= 128:
        raise ValueError(f"no element of {length} bytes says nothing")
    return element(0xEC, bytes(length - 2))

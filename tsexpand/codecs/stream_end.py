"""Whether bytes that came through a pipe end where they may.

A Matroska file says how long its elements are, but to FFmpeg an end in the middle of one is just an end. A stream
that was written to a pipe states no duration either; so its elements are counted here as they pass.
"""

from .ebml import CLUSTER, INFO, SEGMENT, TRACKS

_EBML = 0x1A45DFA3
_WITH_PICTURES = frozenset({CLUSTER, 0xA3, 0xA0})
"""Clusters, and their blocks and block groups."""
_OTHERS = frozenset({_EBML, SEGMENT, 0xEC, 0xBF, 0xE7, 0xA7, 0xAB, 0x5854, 0x114D9B74, INFO, TRACKS}) | {
    *(0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367)
}
"""What else there is in a segment or a cluster (RFC 9559)."""

_LONGEST_HEADER = 12
"""Bytes of an element's identity, at most 4, and size, at most 8 (RFC 8794)."""


class MatroskaEnd:
    """Follows the elements of a Matroska stream.

    Attributes:
        is_followed: false of anything else, and from damage on: that may end anywhere.
    """

    def __init__(self) -> None:
        self.is_followed = True
        self._kind = 0  # of the element that was begun last, 0 before the first
        self._header = b""  # of the next, as far as it has come
        self._owed = 0  # bytes of an element that are still to come

    @property
    def is_within_pictures(self) -> bool:
        """Whether the stream has come to an end within what holds pictures."""
        return self.is_followed and bool(self._header or (self._owed and self._kind in _WITH_PICTURES))

    def feed(self, data: bytes) -> None:
        """Takes in the next bytes."""
        at = 0
        while at < len(data) and self.is_followed:
            if self._owed:
                step = min(self._owed, len(data) - at)
                self._owed -= step
                at += step
                continue
            self._header += data[at : at + 1]
            at += 1
            self._read_header()

    def _read_header(self) -> None:
        identity = _number(self._header, 0)
        size = None if identity is None else _number(self._header, len(identity))
        if identity is None or size is None:
            self.is_followed = len(self._header) < _LONGEST_HEADER
            return
        kind, unknown = int.from_bytes(identity, "big"), (1 << 7 * len(size)) - 1
        length = int.from_bytes(size, "big") & unknown
        self.is_followed = kind == _EBML if self._kind == 0 else kind in _WITH_PICTURES | _OTHERS
        # What is in a segment, or in a cluster that does not say how long it is, is followed one by one.
        self._owed = 0 if kind == SEGMENT or (kind == CLUSTER and length == unknown) else length
        self._kind, self._header = kind, b""


def _number(data: bytes, at: int) -> bytes | None:
    """A number of EBML with its marker: leading zero bits say how many bytes follow. None where not all is here."""
    if at >= len(data) or len(data) - at < (length := 9 - data[at].bit_length()):
        return None
    return data[at : at + length]


def segment_end(head: bytes) -> int | None:
    """Where a Matroska file's segment should end, in bytes from the file's beginning.

    Args:
        head: how the file begins.

    Returns:
        None where the segment does not say how long it is, or does not begin here.
    """
    at = 0
    while (identity := _number(head, at)) and (size := _number(head, at + len(identity))):
        kind, unknown = int.from_bytes(identity, "big"), (1 << 7 * len(size)) - 1
        length, body = int.from_bytes(size, "big") & unknown, at + len(identity) + len(size)
        if kind == SEGMENT:
            return None if length == unknown else body + length
        at = body + length
    return None

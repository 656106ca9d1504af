"""The checksums of FFV1, which FFmpeg's decoder looks at but does not tell of.

Reference:
    RFC 9043 (FFV1), 4.9 (slice footer): size in 24 bits, error status in 8, and a CRC-32 that makes that of the
    whole slice 0; polynomial 0x04C11DB7, highest bit first, from 0.
"""

import zlib
from pathlib import Path

import av

_FOOTER = 8
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Bytes with their bits in the other order: zlib has the same polynomial, lowest bit first."""


def damaged_slices(packet: bytes) -> int:
    """How many slices of a picture are not as they were written; where one states no true size, the rest is one."""
    damaged, end = 0, len(packet)
    while end > 0:
        begin = end - _FOOTER - int.from_bytes(packet[end - _FOOTER : end - _FOOTER + 3], "big")
        if end < _FOOTER or begin < 0:
            return damaged + 1
        damaged += _crc(packet[begin:end]) != 0
        end = begin
    return damaged


def _crc(data: bytes) -> int:
    """Of a slice with its footer, mirrored, from 0 and without zlib's final complement."""
    return zlib.crc32(data.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF


def damaged_pictures(path: Path) -> list[int]:
    """Which pictures of a file have a damaged slice, counted from 0.

    Raises:
        ValueError: it can't be read to its end.
    """
    try:
        with av.open(str(path.absolute())) as source:
            packets = (packet for packet in source.demux(source.streams.video[0]) if packet.size)
            return [n for n, packet in enumerate(packets) if damaged_slices(bytes(packet))]
    except av.FFmpegError as error:
        raise ValueError(f"can't be read ({error})") from error

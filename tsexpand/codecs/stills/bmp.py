"""BMP files: their header.

Reference:
    Microsoft, BITMAPFILEHEADER and BITMAPV5HEADER.
"""

import struct

from .facts import StillFacts

_FILE_HEADER, _V5 = 14, 124


def read_bmp(data: bytes) -> StillFacts:
    """What a BMP file says of its picture: a profile that is embedded in it."""
    if len(data) < _FILE_HEADER + _V5 or int.from_bytes(data[14:18], "little") < _V5:
        return StillFacts()
    if data[_FILE_HEADER + 56 : _FILE_HEADER + 60] != b"DEBM":  # 'MBED', little-endian
        return StillFacts()
    offset, size = struct.unpack_from("<2I", data, _FILE_HEADER + 112)
    return StillFacts(data[_FILE_HEADER + offset : _FILE_HEADER + offset + size])

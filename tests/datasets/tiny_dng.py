"""A minimal uncompressed DNG: one strip of 16-bit RGGB, whose camera sees in BT.709.

Reference:
    DNG 1.7.1, "Required tags"; TIFF 6.0, section 2.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WHITE = 4095
NEUTRAL = (0.5, 1.0, 0.8)
"""What the camera sees of a grey."""

XYZ_TO_BT709 = (3.24097, -1.53738, -0.49861, -0.96924, 1.87597, 0.04156, 0.05563, -0.20398, 1.05697)

Field = tuple[int, int, bytes]


def ascii_field(text: str) -> Field:
    return 2, len(text) + 1, text.encode() + b"\0"


def short(*values: int) -> Field:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(value: int) -> Field:
    return 4, 1, struct.pack("<I", value)


def rational(*values: float) -> Field:
    """Signed where a value is, as DNG wants it of matrices and exposures."""
    parts = [part for value in values for part in (round(value * 100_000), 100_000)]
    return 10, len(values), struct.pack(f"<{len(parts)}i", *parts)


def write_dng(path: Path, mosaic: NDArray[np.float64], stops: float | None = None) -> Path:
    """Writes a mosaic of sensor values, 0 to 1, at least 32x32."""
    height, width = mosaic.shape
    pixels = (mosaic * WHITE).round().astype("<u2").tobytes()
    fields: dict[int, Field] = {
        254: long(0),
        256: long(width),
        257: long(height),
        258: short(16),
        259: short(1),  # not compressed
        262: short(32803),  # colour filter array
        271: ascii_field("Tiny"),
        272: ascii_field("Camera"),
        273: long(0),  # where the pixels are: below
        274: short(1),
        277: short(1),
        278: long(height),
        279: long(len(pixels)),
        33421: short(2, 2),
        33422: (1, 4, bytes([0, 1, 1, 2])),  # red green, green blue
        50706: (1, 4, bytes([1, 4, 0, 0])),
        50708: ascii_field("Tiny Camera"),
        50717: long(WHITE),
        50721: rational(*XYZ_TO_BT709),
        50728: (5, 3, rational(*NEUTRAL)[2]),
        50778: short(21),  # D65
    }
    if stops is not None:
        fields[50730] = rational(stops)
    at = 8 + 2 + 12 * len(fields) + 4
    fields[273] = long(at + sum(len(data) + len(data) % 2 for _, _, data in fields.values() if len(data) > 4))
    entries, body = b"", b""
    for tag, (kind, count, data) in sorted(fields.items()):
        value = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", at + len(body))
        body += data + b"\0" * (len(data) % 2) if len(data) > 4 else b""
        entries += struct.pack("<HHI", tag, kind, count) + value
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + body + pixels)
    return path


def grey(level: float, size: int = 32) -> NDArray[np.float64]:
    """What the sensor sees of a grey, the right half of it clipped."""
    filters = np.tile([[0, 1], [1, 2]], (size // 2, size // 2))
    mosaic = np.asarray(NEUTRAL)[filters] * level
    mosaic[:, size // 2 :] = 1.0
    return mosaic

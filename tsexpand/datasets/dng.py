"""The one field of a DNG that LibRaw reads and keeps to itself."""

import struct
from pathlib import Path

BASELINE_EXPOSURE = 50730
_SIGNED_RATIONAL = 10
_MOST_STOPS = 10.0
"""Beyond, it is damage: cameras state within ±3."""


def baseline_exposure(path: Path) -> float:
    """Stops by which a DNG is to be brightened, 0 where it states nothing.

    Raises:
        OSError: the file can't be read.

    Reference:
        DNG 1.7.1, BaselineExposure (50730, SRATIONAL, in IFD 0); TIFF 6.0, section 2.
    """
    with path.open("rb") as file:
        head = file.read(8)
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
        if order is None or len(head) < 8:
            return 0.0  # a raw of another kind
        file.seek(struct.unpack(f"{order}I", head[4:])[0])
        count = int.from_bytes(file.read(2), "little" if order == "<" else "big")
        entries = file.read(12 * count)
        for tag, kind, _, offset in struct.iter_unpack(f"{order}HHII", entries[: len(entries) // 12 * 12]):
            if tag == BASELINE_EXPOSURE and kind == _SIGNED_RATIONAL:
                file.seek(offset)
                return _stops(file.read(8), order)
    return 0.0


def _stops(rational: bytes, order: str) -> float:
    if len(rational) < 8:
        return 0.0
    numerator, denominator = struct.unpack(f"{order}ii", rational)
    stops = numerator / denominator if denominator else 0.0
    return stops if abs(stops) <= _MOST_STOPS else 0.0

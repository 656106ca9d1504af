"""ICC profiles that are curves and a matrix, or grey: read as far as a display's light needs.

Written here because what there is (Little CMS) converts pictures of 8 bits in Python, and would be one more
dependency for a table of tags. Profiles of lookup tables are refused: their colours can't be told by a matrix.

Reference:
    ICC.1:2022 (version 4.4), sections 7 to 10; ICC.1:2001-04 (version 2).
"""

import struct
from collections.abc import Callable

import torch
from torch import Tensor

from ...colour.codes import Primaries, Transfer
from ...colour.primaries import rgb_to_xyz
from ...colour.profile import CURVE_SAMPLES, Profile, power_curve

_MOST_TAGS = 200

# Parameters of each type of formula: exponent, a, b, c, d, e, f.
_FORMULA_PARAMETERS = (1, 3, 4, 5, 7)


_DIP = 0.001
"""Share of white by which a curve may fall where the parts of a formula, whose numbers are rounded, meet."""


class ProfileError(Exception):
    """A profile that can't be honoured; its text says why."""


def read_icc(data: bytes) -> Profile | tuple[Primaries, Transfer]:
    """What a profile says, as code points where it states such itself.

    Raises:
        ProfileError: damaged, or of another kind than a matrix with curves, or one of grey.
    """
    try:
        return _read(data)
    except (struct.error, IndexError, ValueError) as error:
        raise ProfileError(f"it is damaged ({error})") from error


def _read(data: bytes) -> Profile | tuple[Primaries, Transfer]:
    if data[36:40] != b"acsp":
        raise ProfileError("it is damaged (no signature)")
    space, connection = data[16:20], data[20:24]
    tags = _tags(data)
    if (stated := _stated(tags.get(b"cicp"))) is not None:
        return stated
    name = _description(tags.get(b"desc", b""))
    if space == b"GRAY" and b"kTRC" in tags:
        return Profile((_curve(tags[b"kTRC"]),), rgb_to_xyz(Primaries.BT709), name)
    if space != b"RGB ":
        raise ProfileError(f"its colours are {space.decode('latin-1').strip()}")
    if connection != b"XYZ " or not {b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC"} <= tags.keys():
        raise ProfileError("it is made of lookup tables")
    columns = torch.stack([_xyz(tags[colour + b"XYZ"]) for colour in (b"r", b"g", b"b")], dim=1)
    if not bool((columns.sum(dim=1) > 0.1).all()) or abs(float(torch.linalg.det(columns))) < 1e-4:
        raise ProfileError("it is damaged (its colours span no space)")
    return Profile(tuple(_curve(tags[colour + b"TRC"]) for colour in (b"r", b"g", b"b")), columns, name)


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, 128)
    if count > _MOST_TAGS:
        raise ValueError(f"{count} tags")
    entries = (struct.unpack_from(">4sII", data, 132 + 12 * i) for i in range(count))
    return {name: data[offset : offset + size] for name, offset, size in entries}


def _stated(tag: bytes | None) -> tuple[Primaries, Transfer] | None:
    """Code points (ICC.1:2022, 10.3); unknown ones say nothing."""
    if tag is None or tag[:4] != b"cicp":
        return None
    try:
        stated = Primaries(tag[8]), Transfer(tag[9])
    except ValueError:
        return None
    return None if Primaries.UNSPECIFIED in stated or Transfer.UNSPECIFIED in stated else stated


def _xyz(tag: bytes) -> Tensor:
    if tag[:4] != b"XYZ ":
        raise ValueError("a colour of another type")
    return torch.tensor(struct.unpack_from(">3i", tag, 8), dtype=torch.float64) / 65536


def _curve(tag: bytes) -> Tensor:
    """Light at evenly spaced signals, from black to white; rising, finite."""
    readers: dict[bytes, Callable[[bytes], Tensor]] = {b"curv": _table, b"para": _formula}
    reader = readers.get(tag[:4])
    if reader is None:
        raise ValueError("a curve of another type")
    curve = reader(tag)
    if not bool(curve.isfinite().all()) or float(curve[-1] - curve[0]) <= 0.5 or bool((curve.diff() < -_DIP).any()):
        raise ValueError("a curve that does not rise from black to white")
    return curve.clamp(0, 1)


def _table(tag: bytes) -> Tensor:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count > CURVE_SAMPLES:
        raise ValueError(f"a curve of {count} entries")
    entries = struct.unpack_from(f">{count}H", tag, 12)
    if count < 2:
        return power_curve(entries[0] / 256 if count else 1.0)
    return torch.tensor(entries, dtype=torch.float64) / 65535


def _formula(tag: bytes) -> Tensor:
    """ICC.1:2022, 10.18, table 68."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind >= len(_FORMULA_PARAMETERS):
        raise ValueError(f"formula {kind}")
    exponent, *rest = (value / 65536 for value in struct.unpack_from(f">{_FORMULA_PARAMETERS[kind]}i", tag, 12))
    if not rest:
        return power_curve(exponent)
    a, b, c, d, e, f = [*rest, 0.0, 0.0, 0.0, 0.0][:6]
    signal = torch.linspace(0, 1, CURVE_SAMPLES, dtype=torch.float64)
    if kind < 3:  # below −b / a there is nothing but the third parameter
        c, d, e, f = 0.0, -b / a if a else 0.0, c, c
    power = (a * signal + b).clamp_min(0) ** exponent
    return torch.where(signal >= d, power + e, c * signal + f)


def _description(tag: bytes) -> str:
    """The name of a profile, as version 2 or 4 writes it; empty where there is none."""
    if tag[:4] == b"desc":
        (length,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + length].decode("latin-1")
    elif tag[:4] == b"mluc":
        length, offset = struct.unpack_from(">2I", tag, 20)
        text = tag[offset : offset + length].decode("utf-16-be", "replace")
    else:
        return ""
    return "".join(c for c in text if c.isprintable())[:80]

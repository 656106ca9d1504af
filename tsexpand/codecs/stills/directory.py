"""TIFF's directories of tags, in which EXIF is written too.

Reference:
    TIFF revision 6.0; JEITA CP-3451 (EXIF 2.3); DCF 2.0 for its optional colour space.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from ...colour.primaries import Chromaticities, rgb_to_xyz
from ...colour.profile import Profile, power_curve
from .facts import CodePoints, Refused

_FORMATS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 13: "I"}
_MOST_TAGS = 1000
_MOST_VALUES = 1 << 22
"""Of one tag that are looked at."""

ORIENTATION, _EXIF, _INTEROPERABILITY, _INDEX = 274, 34665, 40965, 1

_ABOUT = frozenset({270, 271, 272, 306, 315, 33432, 34853})
"""Description, camera, date, author, copyright, place: what a directory tells of a picture, and not of its pixels."""

_OF_FORM = frozenset({36864, 37121, 40960, 40961, 40962, 40963, _INTEROPERABILITY})
"""Of a directory of EXIF: versions, components, colour space and size; any other tag tells of how it was taken."""

_EXIF_MARK = b"Exif\0\0"

ADOBE_RGB = Profile(
    (power_curve(563 / 256),), rgb_to_xyz(Chromaticities((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.3290))),
    "Adobe RGB (1998)",
)  # fmt: skip
"""What cameras mean by DCF's optional colour space."""


@dataclass(frozen=True, slots=True)
class Exif:
    """What EXIF says of a picture; see `StillFacts`.

    Attributes:
        orientation: 1 to 8.
        colour: Adobe RGB, where it says that.
        notices: that it says more.
    """

    orientation: int = 1
    colour: CodePoints | Profile | None = None
    notices: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Directory:
    """The first directory of a TIFF file.

    Attributes:
        data: of the whole file.
        order: of bytes, as `struct` writes it.
        tags: where the values of each tag lie: its type, how many, and the offset.
        is_last: whether no other directory, and so no other picture, follows.
    """

    data: bytes
    order: str
    tags: Mapping[int, tuple[int, int, int]]
    is_last: bool

    def values(self, tag: int) -> tuple[int, ...]:
        """The numbers of a tag, none where it is missing; raises Refused where they are too many or not in the file."""
        kind, count, offset = self.tags.get(tag, (1, 0, 0))
        if count > _MOST_VALUES:
            raise Refused(
                f"its tag {tag} has {count} values, where {_MOST_VALUES} are looked at: damaged, or too large"
            )
        form = _FORMATS.get(kind, "B")
        try:
            return struct.unpack_from(f"{self.order}{count * len(form)}{form[0]}", self.data, offset)
        except (struct.error, OverflowError):
            raise Refused("cut off, or damaged") from None

    def value(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        return next(iter(self.values(tag)), default)

    def within(self, tag: int) -> "Directory | None":
        """The directory that a tag points to."""
        offset = self.value(tag, 0)
        return _read(self.data, self.order, offset) if offset else None


def read_directory(data: bytes) -> Directory:
    """The first directory; raises Refused where there is none."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        raise Refused("not a TIFF directory (BigTIFF is not read)")
    try:
        (offset,) = struct.unpack_from(order + "I", data, 4)
        return _read(data, order, offset)
    except struct.error:
        raise Refused("cut off, or damaged") from None


def _read(data: bytes, order: str, offset: int) -> Directory:
    (count,) = struct.unpack_from(order + "H", data, offset)
    tags = {}
    for entry in range(offset + 2, offset + 2 + 12 * min(count, _MOST_TAGS), 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        size = number * struct.calcsize("=" + _FORMATS.get(kind, "B"))
        place = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        tags[tag] = (kind, number, place)
    end = offset + 2 + 12 * count
    following = struct.unpack_from(order + "I", data, end)[0] if end + 4 <= len(data) else 0
    return Directory(data, order, tags, not following)


def read_exif(data: bytes | None) -> Exif:
    """What an EXIF block says, if there is one; damage in it says nothing, as it harms no pixel."""
    if not data:
        return Exif()
    try:
        directory = read_directory(data.removeprefix(_EXIF_MARK))
        return Exif(orientation_in(directory), _colour_in(directory), exif_notices(directory))
    except (Refused, struct.error):
        return Exif()


def exif_notices(directory: Directory) -> tuple[str, ...]:
    """That what is told of the picture, as by whom it was taken and when, is not kept."""
    try:
        exif = directory.within(_EXIF)
    except (Refused, struct.error):
        exif = None
    is_told = directory.tags.keys() & _ABOUT or (exif and exif.tags.keys() - _OF_FORM)
    return ("EXIF other than orientation is not kept.",) if is_told else ()


def orientation_in(directory: Directory) -> int:
    """1 to 8; what is none of these is upright."""
    orientation = directory.value(ORIENTATION, 1)
    return orientation if 1 <= orientation <= 8 else 1


def _colour_in(directory: Directory) -> Profile | None:
    """Adobe RGB where a camera says so by its index, R03; sRGB, R98, is what pictures are anyway."""
    exif = directory.within(_EXIF)
    interoperability = exif and exif.within(_INTEROPERABILITY)
    is_adobe = interoperability and bytes(interoperability.values(_INDEX))[:3] == b"R03"
    return ADOBE_RGB if is_adobe else None


def fits(directory: Directory, offsets: int, counts: int) -> bool:
    """Whether all the blocks of a picture, by the tags of their offsets and sizes, lie within the file."""
    pairs = zip(directory.values(offsets), directory.values(counts), strict=False)
    return all(offset + size <= len(directory.data) for offset, size in pairs)

"""Which picture files belong together, and in which order."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from ...errors import InputError
from .kinds import SUFFIXES, is_still

ASSUMED_RATE = Fraction(25)
"""Frames a second of a numbered sequence where no one says: FFmpeg's."""

_PATTERN = re.compile(r"%(?:0(?P<digits>\d{1,2}))?d")
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)", re.DOTALL)

_FEWEST = 3
"""Pictures whose numbers are taken for those of one sequence where no one says that they are."""

_MOST_NAMED = 10
"""Missing numbers that are listed."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Picture files, in order.

    Attributes:
        name: as the user gave it: a file, a folder, or a pattern.
        files: one at least.
        frame_rate: at which they are shown one after the other; None for a picture on its own.
        notices: what was assumed of them.
        first_number: in the name of the first file, behind which the others count on; None where they don't.
    """

    name: str
    files: tuple[Path, ...]
    frame_rate: Fraction | None
    notices: tuple[str, ...] = ()
    first_number: int | None = None


def find_pictures(name: str, frame_rate: Fraction | None) -> Pictures | None:
    """The pictures of a folder, of a pattern such as shot.%04d.png, or of one file; None where a name means a clip.

    Raises:
        InputError: there are none, or some of a sequence are missing, or a folder is to be a picture on its own.
    """
    path = Path(name)
    if os.path.isdir(name):  # noqa: PTH112  (Path.is_dir raises where an address is too long for a name)
        return _of_folder(name, frame_rate)
    if _PATTERN.search(path.name) and not os.path.exists(name):  # noqa: PTH110  (likewise)
        return _of_pattern(name, frame_rate)
    return Pictures(name, (path,), frame_rate) if is_still(name) else None


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """A key that puts 2 before 10, and 02 before 2."""
    parts: Iterable[str] = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


def list_stills(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of a folder in natural order, and what else is in it; hidden files are neither.

    Raises:
        InputError: the folder can't be read, or holds no picture.
    """
    try:
        files = [file for file in folder.iterdir() if not file.name.startswith(".")]
    except OSError as error:
        raise InputError(f"{folder}: can't be opened ({error.strerror})") from error
    pictures = sorted((file for file in files if file.suffix.lower() in SUFFIXES), key=natural_order)
    if not pictures:
        raise InputError(f"{folder}: holds no picture ({', '.join(sorted(SUFFIXES))})")
    return pictures, sorted(set(files) - set(pictures), key=natural_order)


def looks_like_sequence(pictures: Sequence[Path]) -> bool:
    """Whether files, in natural order, are named as one sequence: consecutive numbers in names that are alike."""
    matches = [_NUMBERED.fullmatch(picture.name) for picture in pictures]
    if len(pictures) < _FEWEST or None in matches:
        return False
    if len({(match["before"], match["after"], len(match["number"])) for match in matches if match}) > 1:
        return False
    numbers = [int(match["number"]) for match in matches if match]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _of_folder(name: str, frame_rate: Fraction | None) -> Pictures:
    if frame_rate is None:
        raise InputError(f"{name}: is a folder; --frame-rate makes its pictures a clip")
    pictures, _ = list_stills(Path(name))
    matches = [_NUMBERED.fullmatch(picture.name) for picture in pictures]
    kinds = {(match["before"], match["after"]) if match else None for match in matches}
    if len(kinds) == 1 and None not in kinds:
        numbers = [int(match["number"]) for match in matches if match]
        _refuse_gaps(name, numbers)
        return Pictures(name, tuple(pictures), frame_rate, first_number=min(numbers))
    notice = "Its pictures differ in more than one number: taken in natural order; a missing one is not noticed."
    return Pictures(name, tuple(pictures), frame_rate, (notice,) if len(pictures) > 1 else ())


def _of_pattern(name: str, frame_rate: Fraction | None) -> Pictures | None:
    pattern = Path(name)
    found = _PATTERN.search(pattern.name)
    assert found is not None  # who asks has looked
    before, after = pattern.name[: found.start()], pattern.name[found.end() :]
    digits = int(found["digits"] or 1)
    number = rf"\d{{{digits}}}|[1-9]\d{{{digits},17}}"
    wanted = re.compile(f"{re.escape(before)}({number}){re.escape(after)}", re.DOTALL)
    try:
        matches = [(wanted.fullmatch(file.name), file) for file in pattern.parent.iterdir()]
    except OSError as error:
        raise InputError(f"{pattern.parent}: can't be opened ({error.strerror})") from error
    numbered = sorted((int(match[1]), file) for match, file in matches if match)
    if not numbered:
        raise InputError(f"{name}: no file is called so")
    if not is_still(str(numbered[0][1])):
        return None  # DPX and others, which FFmpeg numbers itself
    _refuse_gaps(name, [number for number, _ in numbered])
    notices = () if frame_rate else (f"No --frame-rate was given: {ASSUMED_RATE} frames a second are assumed.",)
    files = tuple(file for _, file in numbered)
    return Pictures(name, files, frame_rate or ASSUMED_RATE, notices, first_number=numbered[0][0])


def _refuse_gaps(name: str, numbers: Sequence[int]) -> None:
    """Raises InputError where numbers are missing between the first and the last, or are there twice."""
    first, last = min(numbers), max(numbers)
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{name}: a number is there twice; give the pattern, such as shot.%04d.png")
    lacking = last - first + 1 - len(numbers)
    if not lacking:
        return
    there, listed = set(numbers), list[str]()
    for number in range(first, last):
        if number not in there:
            listed.append(str(number))
        if len(listed) == min(lacking, _MOST_NAMED):
            break
    more = ", ..." if lacking > len(listed) else ""
    raise InputError(f"{name}: of the numbers {first} to {last} {lacking} missing: {', '.join(listed)}{more}")


def stem_of(source: str) -> str:
    """What outputs of an input are called: its name without suffix or the place of a number, in UTF-8."""
    if source == "-":
        return "stdin"
    path = Path(source)
    stem = path.name if os.path.isdir(source) else path.stem  # noqa: PTH112  (see above)
    if _PATTERN.search(stem):
        stem = _PATTERN.sub("", stem).rstrip("._- ")
    return re.sub("[\ud800-\udfff]", "_", stem) or "clip"

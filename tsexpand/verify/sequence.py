"""An EXR sequence in a folder: its numbers, values and headers."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from ..codecs.exr import read_exr_as_stored, read_exr_colour, read_exr_text
from ..codecs.source_options import SourceOptions
from ..errors import InputError
from .black import Black
from .original import Original
from .report import Check, VerifyReport

_PICTURE_NUMBER = re.compile(r"(.*?)(\d+)\.exr", re.IGNORECASE)


def numbered(folder: Path) -> list[Path]:
    """The pictures of a folder that belong to a sequence.

    Raises:
        InputError: it can't be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if _PICTURE_NUMBER.fullmatch(path.name))
    except OSError as error:
        raise InputError(f"{folder}: can't be opened ({error.strerror})") from error


def verify_sequence(
    name: str, source: str | None, on_progress: Callable[[int], None], reading: SourceOptions
) -> VerifyReport:
    """Checks the pictures of a folder; see `verify`."""
    pictures = numbered(Path(name))
    if not pictures:
        raise InputError(f"{name}: holds no numbered .exr picture")
    checks = [*_numbers(pictures)]
    sizes, colours, broken, holes = set(), set(), [], 0
    stated: list[str | None] = []
    black = Black()
    with ExitStack() as stack:
        original = None if source is None else Original(stack, source, reading)
        for done, path in enumerate(pictures, start=1):
            sdr = None if original is None else original.next_picture()
            try:
                pixels = read_exr_as_stored(path)
                white, space = read_exr_colour(path)
                stated.append(read_exr_text(path, "tsexpand:pts"))
            except InputError as error:
                broken.append(str(error))
                continue
            sizes.add(tuple(pixels.shape[-2:]))
            colours.add((white, space))
            holes += int((~pixels.isfinite()).sum())
            if sdr is not None:
                black.add(sdr, (pixels * (white or 1.0)).unsqueeze(0))
            on_progress(done)
        checks.append(Check("pictures", not broken, broken[0] if broken else f"{len(pictures)} read"))
        checks.append(Check("finite", not holes, f"{holes} values are not finite"))
        checks.append(Check("one size", len(sizes) == 1, ", ".join(f"{w}×{h}" for h, w in sorted(sizes))))
        whites = {white for white, _ in colours}
        said = len(colours) == 1 and None not in whites and all(space is not None for _, space in colours)
        detail = ", ".join(sorted(f"white {white} cd/m²" for white in whites))
        checks.append(Check("colour in the headers", said, detail))
        if original is not None:
            checks += _against(original, stated)
            checks += black.check()
    return VerifyReport(name, len(pictures), tuple(checks))


def _numbers(pictures: Iterable[Path]) -> Iterator[Check]:
    """That the numbers of each sequence in a folder have no gap."""
    sequences: dict[str, list[int]] = {}
    for path in pictures:
        match = _PICTURE_NUMBER.fullmatch(path.name)
        assert match is not None
        sequences.setdefault(match[1], []).append(int(match[2]))
    yield Check("one sequence", len(sequences) == 1, ", ".join(f"{stem}*" for stem in sorted(sequences)))
    for stem, numbers in sequences.items():
        missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
        detail = f"{min(numbers)} to {max(numbers)}" if not missing else f"{len(missing)} missing, first {missing[0]}"
        yield Check(f"numbers of {stem}*", not missing, detail)


def _against(original: Original, stated: list[str | None]) -> Iterator[Check]:
    times = original.times
    yield original.count(len(stated))
    unit = original.info.time_base
    wrong = [n for n, (text, time) in enumerate(zip(stated, times, strict=False)) if text != str(int(time / unit))]
    detail = "each header has the source's" if not wrong else f"{len(wrong)} differ, first of picture {wrong[0] + 1}"
    yield Check("times", not wrong, detail)

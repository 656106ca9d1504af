"""Folders of HDR pictures to a training set: resized, scrubbed, measured, split.

One scene at a time is in memory, and one that is done is not read again.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..codecs.images import LIGHT_SUFFIXES, read_light_as_stored
from ..cores import settle
from ..errors import InputError, OutputError
from ..scenes.families import family, is_validation
from ..sinks.paths import make_folder, translated
from .facts import Facts, read_facts, write_scene
from .measure import near_duplicates
from .sources import SOURCES, Row, find_row, write_sources, write_whole

REPORT = "report.json"
SIDES = ("train", "val")


@dataclass(frozen=True, slots=True)
class SceneReport:
    """A prepared scene.

    Attributes:
        name: of the picture, relative to the output: train/NAME.exr or val/NAME.exr.
        original: path of the picture that it was made of.
        family: that it was split by.
        facts: measured.
        has_source: whether its origin is on record.
        kept: was there before.
    """

    name: str
    original: str
    family: str
    facts: Facts
    has_source: bool
    kept: bool

    @property
    def side(self) -> str:
        """One of `SIDES`."""
        return self.name.split("/")[0]

    def values(self) -> dict[str, Any]:
        """In JSON's types, without what only we can read."""
        facts = {key: value for key, value in asdict(self.facts).items() if key not in ("signature", "thumbnail")}
        own = {"name": self.name, "original": self.original, "family": self.family}
        return {**own, **facts, "flags": self.facts.flags, "has_source": self.has_source, "kept": self.kept}


@dataclass(slots=True)
class PrepareReport:
    """What became of the pictures.

    Attributes:
        scenes: prepared, in the order of the names of the originals.
        near_duplicates: names of two scenes, and how much alike they are (correlation).
        failed: path of a picture that can't be used, with the reason.
        strangers: pictures in the output that are not of these inputs; training would read them.
    """

    scenes: list[SceneReport] = field(default_factory=list)
    near_duplicates: list[tuple[str, str, float]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """In JSON's types."""
        return {
            "scenes": [scene.values() for scene in self.scenes],
            "near_duplicates": self.near_duplicates,
            "failed": self.failed,
            "strangers": self.strangers,
        }


def find_pictures(folders: Sequence[Path]) -> dict[str, Path]:
    """The .exr and .hdr pictures of folders (not below them), by name.

    Raises:
        InputError: there is none, or two have the same name.
    """
    named: dict[str, Path] = {}
    for folder in folders:
        try:
            paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in LIGHT_SUFFIXES)
        except OSError as error:
            raise InputError(f"{folder}: not a readable folder ({error.strerror})") from error
        for path in paths:
            if path.stem in named:
                raise InputError(f"{path}: would be written as {path.stem}.exr like {named[path.stem]}; rename one")
            named[path.stem] = path
    if not named:
        raise InputError(f"{', '.join(map(str, folders))}: no .exr or .hdr pictures")
    return dict(sorted(named.items()))


def prepare(
    folders: Sequence[Path],
    output: Path,
    width: int = 1024,
    val_share: float = 0.1,
    on_scene: Callable[[str, str], None] = lambda name, state: None,
) -> PrepareReport:
    """Makes a training set; a picture that can't be read does not stop the others.

    Writes train/ and val/, SOURCES.csv and report.json. A scene that is done, of the same picture and
    width, is kept; where another share puts it on the other side of the split, it is moved.

    Args:
        folders: of .exr and .hdr pictures, linear light in BT.709.
        output: made where it is missing.
        width: pixels of a panorama; of a photograph's longer side.
        val_share: of the families, in [0, 1).
        on_scene: told each name and what became of it.

    Raises:
        InputError: there are no pictures, or none can be used.
        OutputError: something can't be written.
    """
    settle()
    pictures = find_pictures(folders)
    _make_output(output, folders)
    report, rows = PrepareReport(), list[Row]()
    read: dict[Path, dict[str, Row]] = {}
    for stem, path in pictures.items():
        try:
            target, facts, kept = _prepare_one(path, output, width, val_share)
        except InputError as error:
            report.failed[str(path)] = state = str(error)
        else:
            name, row = target.relative_to(output).as_posix(), find_row(path, read)
            rows.append({**(row or {}), "name": name, "original": str(path)})
            report.scenes.append(SceneReport(name, str(path), family(stem), facts, row is not None, kept))
            state = "kept" if kept else "written"
        on_scene(stem, state)
    if not report.scenes:
        raise InputError(f"{', '.join(map(str, folders))}: none of {len(pictures)} pictures can be used")
    looks: dict[str, Tensor] = {scene.name: torch.tensor(scene.facts.thumbnail) for scene in report.scenes}
    report.near_duplicates = near_duplicates(looks)
    report.strangers = [name for name in _written(output) if name not in looks]
    write_whole(output / REPORT, json.dumps(report.values(), indent=1) + "\n")
    write_sources(output, rows)
    return report


def _make_output(output: Path, folders: Sequence[Path]) -> None:
    """Makes the folders to write to, unless that would replace what a user has there."""
    with translated(output):
        ours = {output.resolve(), *((output / side).resolve() for side in SIDES)}
        if ours & {folder.resolve() for folder in folders}:
            raise OutputError(f"{output}: is an input; choose another output")
        if (output / SOURCES).exists() and not (output / REPORT).exists():
            raise OutputError(f"{output}: has a {SOURCES} that is not of a training set; choose another output")
    for side in SIDES:
        make_folder(output / side)


def _prepare_one(path: Path, output: Path, width: int, val_share: float) -> tuple[Path, Facts, bool]:
    """A scene's place, its facts, and whether it was there before."""
    sides = SIDES[::-1] if is_validation(family(path.stem), val_share) else SIDES
    target, other = (output / side / f"{path.stem}.exr" for side in sides)
    with translated(target):
        if other.exists():
            other.replace(target)  # of a run with another share: never on both sides
    signature = _signature(path, width)
    known = read_facts(target)
    if known and known.signature == signature:
        return target, known, True
    light = read_light_as_stored(path)
    if not light.numel():
        raise InputError(f"{path}: has no pixels")
    return target, write_scene(target, light, width, signature), False


def _signature(path: Path, width: int) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from error
    return [status.st_size, status.st_mtime_ns, width]


def _written(output: Path) -> list[str]:
    """Names of the pictures in the output."""
    with translated(output):
        return sorted(path.relative_to(output).as_posix() for side in SIDES for path in (output / side).glob("*.exr"))

"""Camera raws to linear EXR, through LibRaw.

Made for the merged.dng of the HDR+ bursts (https://hdrplusdata.org): a raw whose shadows hold
light that the phone's JPEG has lost. Any raw that LibRaw reads will do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from ..errors import InputError, TsexpandError
from ..sinks.paths import make_folder
from .dng import baseline_exposure
from .pictures import write_picture

ENDINGS = frozenset(
    (
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".dng",
        ".erf",
        ".fff",
        ".iiq",
        ".kdc",
        ".mef",
        ".mos",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".rw2",
        ".rwl",
        ".srw",
        ".x3f",
    )
)
MERGED = "merged"
"""Stem of the file that stands for its folder, in HDR+."""


@dataclass(slots=True)
class DevelopReport:
    """What became of the raws.

    Attributes:
        written: names of the pictures.
        kept: were there before.
        failed: paths of the raws, with the reason; the others were developed nevertheless.
    """

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def find_raws(folder: Path) -> dict[str, Path]:
    """The raws in a folder and those below it, by the name that their picture gets.

    Below, the folders become part of the name, joined by _; a `merged.dng` goes by its folder's name alone.

    Raises:
        InputError: there is none, or two would get the same name.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    except OSError as error:
        raise InputError(f"{folder}: can't be searched ({error.strerror})") from error
    if not paths:
        raise InputError(f"{folder}: no camera raws (.dng and others) here or below")
    named: dict[str, Path] = {}
    for path in paths:
        parts = path.relative_to(folder).with_suffix("").parts
        name = "_".join(parts[:-1] if parts[-1] == MERGED and len(parts) > 1 else parts)
        if name in named:
            raise InputError(f"{path}: would be written as {name}.exr like {named[name]}; rename one")
        named[name] = path
    return named


def develop_folder(
    folder: Path,
    output: Path,
    half_size: bool = False,
    overwrite: bool = False,
    on_raw: Callable[[str, str], None] = lambda name, state: None,
) -> DevelopReport:
    """Writes each raw of a folder as NAME.exr; one that can't be read does not stop the others.

    Args:
        folder: searched with the folders below it.
        output: made where it is missing.
        half_size: one pixel for each 2x2 of the sensor, without interpolation.
        overwrite: also where the picture exists.
        on_raw: told each name and what became of it.

    Raises:
        TsexpandError: rawpy is missing.
        InputError: there are no raws.
        OutputError: a picture can't be written.
    """
    rawpy = _rawpy()
    raws = find_raws(folder)
    make_folder(output)
    report = DevelopReport()
    for name, path in raws.items():
        picture = output / f"{name}.exr"
        if picture.exists() and not overwrite:
            state = "kept"
            report.kept.append(name)
        else:
            try:
                write_picture(picture, develop(path, rawpy, half_size), {})
            except InputError as error:
                report.failed[str(path)] = state = str(error)
            else:
                state = "written"
                report.written.append(name)
        on_raw(name, state)
    return report


def develop(path: Path, rawpy: ModuleType, half_size: bool = False) -> Tensor:
    """Linear light of a raw.

    Camera white balance, BT.709 primaries, no automatic brightening. 1.0 is where the sensor
    clips (its least amplified channel, so that what is clipped is neutral), or 2 to the power of
    BaselineExposure where a DNG states that: the brightness that its maker means.

    Returns:
        (3, H, W) float32, upright.

    Raises:
        InputError: it can't be read.
    """
    try:
        stops = baseline_exposure(path)
        with rawpy.imread(str(path)) as raw:
            levels = raw.postprocess(
                gamma=(1, 1),
                no_auto_bright=True,
                # else LibRaw takes a picture's own maximum for white
                adjust_maximum_thr=0.0,
                use_camera_wb=True,
                output_color=rawpy.ColorSpace.sRGB,
                output_bps=16,
                half_size=half_size,
            )
    except (OSError, rawpy.LibRawError) as error:
        raise InputError(f"{path}: not a readable camera raw ({_words(error)})") from error
    light: Tensor = torch.from_numpy(levels.astype("float32")).permute(2, 0, 1)
    return light.mul_(2.0**stops / 65535)


def _rawpy() -> ModuleType:
    try:
        import rawpy
    except ImportError as error:
        raise TsexpandError("camera raws need rawpy: pip install rawpy") from error
    module: ModuleType = rawpy
    return module


def _words(error: Exception) -> str:
    """What LibRaw says; it comes as bytes."""
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(error)

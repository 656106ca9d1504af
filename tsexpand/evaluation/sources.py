"""Light frames of anything: a clip, a folder of pictures, or a picture."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from pathlib import Path

import torch
from torch import Tensor

from ..codecs.exr import HALF_MAX, read_exr_as_stored, read_exr_colour
from ..codecs.images import LIGHT_SUFFIXES, read_radiance
from ..codecs.source import open_source
from ..codecs.source_options import AS_HDR
from ..codecs.stills.sequence import natural_order
from ..colour.codes import Primaries
from ..colour.primaries import ACES_AP0, ACES_AP1, CHROMATICITIES, Chromaticities, RgbSpace, convert
from ..colour.shown import shown_light as colour_shown_light
from ..errors import InputError
from ..frames import SignalBatch
from ..network.output import REFERENCE_WHITE
from ..sinks.orientation import UPRIGHT, orientation_of

_SAME_CHROMATICITY = 5e-4
"""Rounding by which chromaticities in a header may differ from those of a standard."""

_UNKNOWN_SCALE = f"its luminance is not stated: 1.0 is taken for reference white, {REFERENCE_WHITE:g} cd/m²"


@dataclass(frozen=True, slots=True)
class LightClip:
    """Something to look at, open.

    Attributes:
        name: as the user gave it.
        frames: each (1, 3, H, W), float32, cd/m², BT.709 RGB, upright, finite; colours outside BT.709 are negative.
        count: of the frames, where it is known for certain.
        notices: what was assumed.
    """

    name: str
    frames: Iterator[Tensor]
    count: int | None
    notices: tuple[str, ...]


@contextmanager
def open_light(name: str, limit: int | None = None) -> Iterator[LightClip]:
    """Opens a clip, a folder of .exr or .hdr pictures, or a picture.

    SDR is shown by its display's EOTF (BT.1886 for video) with white at 203 cd/m², PQ and HLG as BT.2100 says,
    and EXR by the `whiteLuminance` of its header, 203 cd/m² where there is none.

    Args:
        name: a path, or an address that FFmpeg knows.
        limit: frames to read at most.

    Raises:
        InputError: it can't be read; also while the frames are read.
    """
    if name == "-":
        raise InputError("-: standard input can be read only once, which is not enough here; write it to a file")
    path = Path(name)
    if path.is_dir() or path.suffix.lower() in LIGHT_SUFFIXES:
        pictures = list_pictures(path)[:limit] if path.is_dir() else [path]
        yield LightClip(name, map(_picture, pictures), len(pictures), _picture_notices(pictures[0]))
        return
    with open_source(name, replace(AS_HDR, frames=limit)) as source:
        info = source.info
        ignored = ("Transparency is not looked at.",) if info.has_alpha else ()
        notices = (f"assumed {', '.join(map(str, info.guesses))}",) if info.guesses else ()
        turn = orientation_of(info.display_matrix) or UPRIGHT
        frames = (turn.upright(shown_light(batch)) for batch in source.batches(1))
        yield LightClip(name, frames, None, (*notices, *ignored, *info.notices))


def list_pictures(folder: Path) -> list[Path]:
    """The pictures of a sequence in natural order: 2 before 10.

    Raises:
        InputError: there are none, or of both kinds, or the folder can't be read.
    """
    try:
        files = list(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: can't be opened ({error.strerror})") from error
    found = {suffix: [file for file in files if file.suffix.lower() == suffix] for suffix in LIGHT_SUFFIXES}
    if all(found.values()):
        raise InputError(f"{folder}: holds both .exr and .hdr pictures; move one kind elsewhere")
    pictures = [picture for kind in found.values() for picture in kind]
    if not pictures:
        raise InputError(f"{folder}: holds no .exr or .hdr picture")
    return sorted(pictures, key=natural_order)


def _picture(path: Path) -> Tensor:
    """A picture of linear light, in cd/m²."""
    if path.suffix.lower() == ".hdr":
        return read_radiance(path).mul_(REFERENCE_WHITE).unsqueeze(0)
    stored = read_exr_as_stored(path)
    if holes := int(stored.isnan().sum()):
        raise InputError(f"{path}: {holes} of {stored.numel()} values are NaN; a number would be made up")
    white, space = read_exr_colour(path)
    if white is not None and not 0 < white < math.inf:
        raise InputError(f"{path}: its header says that white has {white} cd/m²")
    light = stored.clamp(-HALF_MAX, HALF_MAX).mul_(REFERENCE_WHITE if white is None else white).unsqueeze(0)
    return convert(light, _primaries(path, space), Primaries.BT709)


def _picture_notices(path: Path) -> tuple[str, ...]:
    stated = path.suffix.lower() == ".exr" and read_exr_colour(path)[0] is not None
    return () if stated else (_UNKNOWN_SCALE,)


def _primaries(path: Path, space: Chromaticities | None) -> RgbSpace:
    """The primaries of an EXR header; BT.709 where it says nothing, as OpenEXR has it."""
    if space is None:
        return Primaries.BT709
    stated = torch.tensor([space.red, space.green, space.blue, space.white])
    for known in (*CHROMATICITIES.values(), ACES_AP0, ACES_AP1):
        difference = torch.tensor([known.red, known.green, known.blue, known.white]) - stated
        if difference.abs().max() < _SAME_CHROMATICITY:
            return known
    raise InputError(f"{path}: its chromaticities are of no RGB space we know; convert it to linear BT.709")


def shown_light(batch: SignalBatch) -> Tensor:
    """What a display shows of decoded pictures, SDR or HDR: (N, 3, H, W), float32, cd/m², BT.709 RGB.

    Reference:
        Rec. ITU-R BT.1886 with white at 203 cd/m² (BT.2408); BT.2100 for PQ and for HLG at 1000 cd/m².
    """
    light = colour_shown_light(batch.planes, batch.signal, REFERENCE_WHITE)
    return convert(light, batch.signal.primaries, Primaries.BT709)


def paired(clips: Sequence[LightClip]) -> Iterator[tuple[Tensor, ...]]:
    """The frames of clips that belong together, by their order.

    Raises:
        InputError: sizes or numbers of frames differ.
    """
    first = clips[0]
    for other in clips[1:]:
        if None not in (first.count, other.count) and first.count != other.count:
            raise InputError(_differs(first, f"{first.count} frames", other, f"{other.count}"))
    for number, frames in enumerate(zip_longest(*(clip.frames for clip in clips))):
        for clip, frame in islice(zip(clips, frames, strict=True), 1, None):
            _check_pair(number, first, frames[0], clip, frame)
        yield frames


def _check_pair(number: int, first: LightClip, frame: Tensor | None, other: LightClip, mate: Tensor | None) -> None:
    if frame is None or mate is None:
        short, long = (first, other) if frame is None else (other, first)
        raise InputError(_differs(short, f"{number} frames", long, "more") + " (--frames takes the first of both)")
    if frame.shape != mate.shape:
        raise InputError(_differs(first, f"pictures of {_size(frame)}", other, _size(mate)))


def _differs(first: LightClip, what: str, other: LightClip, instead: str) -> str:
    return f"{first.name} has {what}, {other.name} {instead}"


def _size(frame: Tensor) -> str:
    return f"{frame.shape[-1]}×{frame.shape[-2]}"

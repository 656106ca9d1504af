"""Mastering display and light levels: whether they stand wherever they should, and are true."""

from collections.abc import Iterator
from pathlib import Path

from ..codecs.light_level import Declared, declared_metadata
from ..colour.hdr10 import ContentLight
from ..frames import VideoInfo
from .report import Check

LIGHT_TOLERANCE = 0.25
"""Share by which MaxCLL may differ from what is decoded: coding rings at edges, and takes single peaks away."""

AVERAGE_TOLERANCE = 0.03
"""Likewise MaxFALL, an average."""


def static_metadata(path: Path, info: VideoInfo, measured: ContentLight) -> Iterator[Check]:
    """ST 2086 and light levels: in the container, in every keyframe, and as decoded."""
    try:
        written = declared_metadata(path, info.codec)
    except (ValueError, OSError) as error:
        yield Check("static metadata", False, str(error))
        return
    if written.sample_entry is not None:
        yield Check("sample entry", written.sample_entry != "hev1", f"{written.sample_entry}")
    yield _display(written)
    declared = _stated(written)
    if _may_be_unknown(written) and not declared.keyframe_levels + declared.container_levels:
        said = "declared as 0, unknown" if written.keyframe_levels else "not declared"
        yield Check("light levels", True, f"{said}, as of what goes through a pipe")
        return
    yield _levels_agree(declared)
    levels = {*declared.container_levels, *declared.keyframe_levels}
    if len(levels) == 1:
        light = levels.pop()
        yield _near("MaxCLL", light.max_cll, measured.max_cll, LIGHT_TOLERANCE)
        yield _near("MaxFALL", light.max_fall, measured.max_fall, AVERAGE_TOLERANCE)


def _may_be_unknown(declared: Declared) -> bool:
    """Whether light levels of 0 stand there; in Matroska FFmpeg leaves them away, which says the same."""
    in_header_only = declared.sample_entry is None and not declared.keyframe_displays
    return bool(declared.keyframe_levels or (in_header_only and declared.container_displays))


def _stated(declared: Declared) -> Declared:
    """Without light levels of 0, which say that they are unknown (CTA-861.3)."""
    container, keyframes = (
        tuple(light for light in levels if light != ContentLight(0, 0))
        for levels in (declared.container_levels, declared.keyframe_levels)
    )
    return declared._replace(container_levels=container, keyframe_levels=keyframes)


def _display(declared: Declared) -> Check:
    missing = _missing(declared.container_displays > 0, sum(declared.keyframe_displays), declared)
    return Check("mastering display", not missing, missing or f"in {_places(declared)}")


def _levels_agree(declared: Declared) -> Check:
    in_header, in_keyframes = _pairs(declared.container_levels), _pairs(declared.keyframe_levels)
    missing = _missing(bool(in_header), len(declared.keyframe_levels), declared)
    said = [f"{pairs} in {place}" for pairs, place in ((in_header, "the header"), (in_keyframes, "keyframes")) if pairs]
    found = f"MaxCLL/MaxFALL {' and '.join(said)}"
    if missing:
        return Check("light levels agree", False, f"{missing} ({found})" if said else missing)
    if len({*declared.container_levels, *declared.keyframe_levels}) > 1:
        return Check("light levels agree", False, f"they differ: {found}")
    return Check("light levels agree", True, f"MaxCLL/MaxFALL {in_header}, in {_places(declared)}")


def _pairs(levels: tuple[ContentLight, ...]) -> str:
    return ", ".join(sorted({f"{light.max_cll}/{light.max_fall}" for light in levels}))


def _places(declared: Declared) -> str:
    """Where metadata should stand: not in keyframes of a coding that has no place for it."""
    keyframes = len(declared.keyframe_displays)
    return f"the header and in {keyframes} of {keyframes} keyframes" if keyframes else "the header"


def _missing(is_in_header: bool, with_it: int, declared: Declared) -> str:
    """Where something is missing and where it is, in words; empty where nothing is missing.

    Args:
        is_in_header: whether it stands there.
        with_it: keyframes that have it.
        declared: all that there is.
    """
    keyframes = len(declared.keyframe_displays)
    parts = [("the header", not is_in_header), (f"{keyframes - with_it} of {keyframes} keyframes", with_it < keyframes)]
    lacking = [place for place, lacks in parts if lacks]
    there = ["the header"] * is_in_header + [f"{with_it} of {keyframes} keyframes"] * (with_it > 0)
    if not lacking:
        return ""
    missing = f"missing in {' and in '.join(lacking)}"
    return f"{missing}, there in {' and in '.join(there)}" if there else missing


def _near(name: str, declared: int, measured: int, tolerance: float) -> Check:
    passed = abs(declared - measured) <= max(1.0, tolerance * measured)
    return Check(name, passed, f"{declared} cd/m² declared, {measured} decoded")

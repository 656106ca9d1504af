"""Which scenes belong together, and on which side of the split they go."""

import hashlib
import re

SUFFIXES = frozenset(
    (
        "puresky",
        "clear",
        "partly",
        "cloudy",
        "overcast",
        "foggy",
        "misty",
        "dawn",
        "dusk",
        "sunrise",
        "sunset",
        "morning",
        "midday",
        "noon",
        "afternoon",
        "evening",
        "night",
        "day",
    )
)
"""What is said of a place at another time, in other weather, or without its ground."""

_CAMERA = re.compile(r"(img|dsc|dscf|dscn|pxl|mvi|gopr|p|image|photo|picture|scene|frame|pano|hdri?)?\d*")
"""Names that a camera or a script gives: they say nothing of the place."""


def family(name: str) -> str:
    """What a scene shares with its variants, from its name alone, so that new scenes move no others.

    The name up to its first part (of those between _, -, . and spaces) that begins with a digit or is one of
    `SUFFIXES`, but for the first: aristea_wreck and aristea_wreck_puresky are one family, kloofendal_43d_clear and
    kloofendal_48d_partly_cloudy too. Where that leaves a camera's counting, as of IMG_0815, a scene is its own family.
    """
    parts = [part for part in re.split(r"[_\-. ]+", name.lower()) if part]
    kept = parts[:1]
    for part in parts[1:]:
        if part[0].isdigit() or re.fullmatch(r"v\d+", part) or part in SUFFIXES:
            break
        kept.append(part)
    base = re.sub(r"(?<=\D)\d+$", "", "_".join(kept))
    return name.lower() if _CAMERA.fullmatch(base) else base


def is_validation(family_name: str, share: float) -> bool:
    """Whether a family is for validation: always the same, for a larger share of it more and none less."""
    return lot(family_name) < share * 2**64


def lot(family_name: str) -> int:
    """What a family drew, below 2⁶⁴: as good as random, and the same wherever and with whatever else it is asked."""
    digest = hashlib.sha256(family_name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")

"""Documents beside a delivery: its light, frame by frame and shot by shot, and how it came about."""

import re
from enum import Enum
from pathlib import Path


class Document(Enum):
    """Kind of a document."""

    SIDECAR = "sidecar"
    DOLBY_VISION = "Dolby Vision metadata"
    HDR10_PLUS = "HDR10+ metadata"


SUFFIX = ".json"
"""Ending of the names of documents."""

_KINDS = {"dovi": Document.DOLBY_VISION, "hdr10plus": Document.HDR10_PLUS}


def document_of(output: Path) -> Document | None:
    """The kind that a name asks for: `.dovi.json`, `.hdr10plus.json`, another `.json`; None where it asks for none."""
    match = re.fullmatch(r"(?:.*\.)?(.*)\.json", output.name.lower(), re.DOTALL)
    return None if match is None else _KINDS.get(match[1], Document.SIDECAR)

"""Documents beside a delivery: its light, frame by frame and shot by shot, and how it came about."""

from enum import Enum
from pathlib import Path


class Document(Enum):
    """Kind of a document, and how its name ends."""

    DOLBY_VISION = ".dovi.json"
    HDR10_PLUS = ".hdr10plus.json"
    SIDECAR = ".json"


def document_of(output: Path) -> Document | None:
    """The kind that a name asks for: `.dovi.json`, `.hdr10plus.json`, another `.json`; None where it asks for none."""
    if output.suffix.lower() != Document.SIDECAR.value:
        return None
    name = f".{output.name.lower()}"  # dovi.json is one, too
    return next(kind for kind in Document if name.endswith(kind.value))

"""What travels with the pictures: the input's other streams, chapters and metadata."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from av.stream import Stream

COMPANION_TYPES = ("audio", "subtitle")
"""Streams whose packets are copied; data streams can't be muxed in general, attachments have no packets."""

KEPT_TYPES = (*COMPANION_TYPES, "attachment")
"""Streams that are kept as far as the output can hold them."""


@dataclass(frozen=True, slots=True)
class Companions:
    """Of an open input, valid while it is open; the packets come with the batches.

    Attributes:
        streams: audio, subtitle and attachment streams, in the input's order.
        chapters: as PyAV gives them (`start`, `end`, `time_base`, `metadata`).
        metadata: of the container.
        video_metadata: of the video stream (language, title, timecode ...).
    """

    streams: tuple[Stream, ...] = ()
    chapters: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    video_metadata: Mapping[str, str] = field(default_factory=dict)


def summary(streams: Iterable[Stream]) -> str:
    """Streams counted by kind, such as "2 audio, 1 subtitle"."""
    counts = Counter(stream.type for stream in streams)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no other streams"

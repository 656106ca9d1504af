"""What a clip is, what is assumed of it, and what would be written."""

from dataclasses import dataclass
from pathlib import Path

from .codecs.companions import summary
from .codecs.decode import VideoSource
from .codecs.passthrough import Container, sort_streams
from .frames import VideoInfo


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What `probe` found.

    Attributes:
        source: what it is and what is assumed.
        would_write: lines for each kind of output: "exr", "mp4", "mkv".
    """

    source: VideoInfo
    would_write: dict[str, list[str]]


def probe(name: str) -> ProbeReport:
    """Opens a clip, decodes its first frame, and says what would become of it.

    Raises:
        InputError: it would not be converted.
    """
    with VideoSource(name) as source:
        info = source.info
        size = f"{info.width}x{info.height}"
        would_write = {"exr": [f"{size} half RGB, linear BT.709, 1.0 = reference white"]}
        for suffix in (".mp4", ".mkv"):
            kept, dropped = sort_streams(source.companions.streams, Container.of(Path(f"a{suffix}")))
            video = f"{size} HEVC Main 10, BT.2020 PQ, with {summary(kept)}"
            would_write[suffix[1:]] = [video, *dropped]
        return ProbeReport(info, would_write)

"""What a clip is, what is assumed of it, and what would be written."""

from dataclasses import dataclass

from .codecs.companions import summary
from .codecs.passthrough import Container, sort_streams
from .codecs.source import open_source
from .codecs.source_options import SourceOptions
from .frames import VideoInfo
from .sinks.orientation import orientation_of


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What `probe` found.

    Attributes:
        source: what it is and what is assumed.
        would_write: lines for each kind of output: "exr", and of clips "mp4", "mov", "mkv", "ts", of pictures "hdr",
            "png", "avif".
    """

    source: VideoInfo
    would_write: dict[str, list[str]]


def probe(name: str, stream: int | None = None) -> ProbeReport:
    """Opens a clip, decodes its first frame, and says what would become of it.

    Args:
        name: of the clip.
        stream: number of the video stream, see `VideoSource`.

    Raises:
        InputError: it would not be converted.
    """
    with open_source(name, SourceOptions(stream=stream)) as source:
        info = source.info
        would_write = {
            "exr": [f"{_exr_size(info)} half RGB{'A' * info.has_alpha}, linear BT.709, 1.0 = reference white"]
        }
        if info.is_still:
            return ProbeReport(info, would_write | _pictures(info))
        for container in Container.suffixes().values():
            kept, notices = sort_streams(source.companions.streams, container)
            others = summary(carried.stream for carried in kept)
            video = f"{_hevc_size(info, container)} HEVC Main 10, BT.2020 PQ, with {others}"
            would_write[container.name.lower()] = [video, *notices]
        return ProbeReport(info, would_write)


def _pictures(info: VideoInfo) -> dict[str, list[str]]:
    size = _exr_size(info)
    return {
        "hdr": [f"{size} RGBE, linear BT.709, 1.0 = reference white"],
        "png": [f"{size} 16 bit R′G′B′, BT.2020 PQ"],
        "avif": [f"{size} 10 bit 4:2:0, BT.2020 PQ"],
    }


def _exr_size(info: VideoInfo) -> str:
    """Upright, where the clip says how."""
    orientation = orientation_of(info.display_matrix)
    turned = orientation is not None and orientation.transposed
    return f"{info.height}x{info.width} upright" if turned else f"{info.width}x{info.height}"


def _hevc_size(info: VideoInfo, container: Container) -> str:
    """Even, as 4:2:0 HEVC must be, and what becomes of a rotation."""
    size = f"{info.width + info.width % 2}x{info.height + info.height % 2}"
    if info.display_matrix is None:
        return size
    return f"{size} ({'as coded, not rotated' if container is Container.TS else 'rotation kept as metadata'})"

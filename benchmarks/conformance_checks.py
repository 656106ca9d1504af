"""What must hold of a source and what was made of it; each check yields its problems, a line each."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from witness import Entry, Media, Packet, look, side_data, tool

from tsexpand.convert import ConvertReport


@dataclass(frozen=True)
class Delivered:
    """A kind of video.

    Attributes:
        name: of it.
        file: that holds it.
        wanted: what ffprobe must say of its pictures.
        has_static_metadata: mastering display and light levels.
        in_keyframes: whether these stand in the bitstream, too.
        even: what width and height are multiples of.
    """

    name: str
    file: str
    wanted: dict[str, str]
    has_static_metadata: bool = True
    in_keyframes: bool = True
    even: tuple[int, int] = (1, 1)


_BT2020 = {
    "pix_fmt": "yuv420p10le",
    "color_primaries": "bt2020",
    "color_space": "bt2020nc",
    "color_range": "tv",
    "chroma_location": "topleft",
}
_PQ, _HLG = {"color_transfer": "smpte2084"}, {"color_transfer": "arib-std-b67"}
_HEVC = {"codec_name": "hevc", "profile": "Main 10"}

HDR10_MP4 = Delivered("HDR10 mp4", "hdr10.mp4", _HEVC | _BT2020 | _PQ, even=(2, 2))
HDR10_MKV = replace(HDR10_MP4, name="HDR10 mkv", file="hdr10.mkv")
HLG = Delivered("HLG mp4", "hlg.mp4", _HEVC | _BT2020 | _HLG, has_static_metadata=False, even=(2, 2))
AV1 = Delivered("AV1 mp4", "av1.mp4", {"codec_name": "av1", "profile": "Main"} | _BT2020 | _PQ)
_PRORES = {key: said for key, said in _BT2020.items() if key != "chroma_location"}  # which MOV has no place for
PRORES = Delivered(
    "ProRes mov",
    "prores.mov",
    _PRORES | _PQ | {"codec_name": "prores", "profile": "HQ", "pix_fmt": "yuv422p10le"},
    in_keyframes=False,
    even=(2, 1),
)
FFV1 = Delivered(
    "FFV1 mkv",
    "ffv1.mkv",
    _BT2020 | _PQ | {"codec_name": "ffv1", "pix_fmt": "yuv444p12le", "chroma_location": "left"},
    in_keyframes=False,
)

TOLERANCE = {".mp4": Fraction(0), ".mov": Fraction(0), ".mkv": Fraction(1, 2000)}
"""How far a picture's time may be off, seconds: Matroska counts milliseconds."""

TICK = Fraction(1, 1000)
"""How far sound and subtitles may move against the pictures, and a subtitle's duration change."""

MASTERING, LIGHT = "Mastering display metadata", "Content light level metadata"


def check_video(
    kind: Delivered, path: Path, source: Media, output: Media, report: ConvertReport, is_cut: bool
) -> Iterator[str]:
    """All that is to be checked of an MP4 or Matroska file."""
    if output.complaints:
        yield f"ffprobe complains: {output.complaints[:200]}"
    yield from check_times(source, output, moved_by(report, source), TOLERANCE[path.suffix])
    yield from check_colour(kind, output)
    if kind.has_static_metadata:
        yield from check_static_metadata(kind, path, output, report)
    yield from check_shape(kind, source, output)
    yield from check_companions(path, source, output, report)
    if not is_cut and not same_chapters(source, output):
        yield f"chapters {output.chapters}, of the source {source.chapters}"


def moved_by(report: ConvertReport, source: Media) -> Fraction:
    """What the report says that all times were moved by: a first picture before 0 comes to 0."""
    is_moved = any("all times moved" in notice for notice in report.notices)
    return -(source.times[0] or Fraction(0)) if is_moved and source.times else Fraction(0)


def time_errors(source: Media, output: Media, shift: Fraction) -> list[Fraction]:
    """Of each frame whose time is known, seconds."""
    pairs = zip(source.times, output.times, strict=False)
    return [abs(there - here - shift) for here, there in pairs if here is not None and there is not None]


def check_times(source: Media, output: Media, shift: Fraction, tolerance: Fraction) -> Iterator[str]:
    if len(output.times) != len(source.times):
        yield f"{len(output.times)} frames, the source has {len(source.times)}"
    errors = time_errors(source, output, shift)
    off = [number for number, error in enumerate(errors) if error > tolerance]
    if off:
        yield f"{len(off)} times are off, first of frame {off[0]}, by up to {float(max(errors)) * 1000:.4f} ms"
    known = [time for time in output.times if time is not None]
    if len(known) < len(output.times) or any(later <= time for time, later in pairwise(known)):
        yield "times are missing or do not rise"


def check_colour(kind: Delivered, output: Media) -> Iterator[str]:
    for name, wanted in kind.wanted.items():
        if output.video.get(name) != wanted:
            yield f"{name} is {output.video.get(name)}, not {wanted}"
    if (
        kind.file.endswith(".mp4")
        and kind.wanted["codec_name"] == "hevc"
        and output.video.get("codec_tag_string") != "hvc1"
    ):
        yield f"codec tag is {output.video.get('codec_tag_string')}, not hvc1"


def check_static_metadata(kind: Delivered, path: Path, output: Media, report: ConvertReport) -> Iterator[str]:
    """The same in the container, in every keyframe, in the report; and MediaInfo calls it HDR10."""
    assert report.content_light is not None
    wanted = (report.content_light.max_cll, report.content_light.max_fall)
    container = side_data(output.video)
    if not output.keyframes:
        yield "no keyframe"
    keyframes = output.keyframes if kind.in_keyframes else []
    for where, found in (("container", container), *(("keyframe", data) for data in keyframes)):
        light = found.get(LIGHT, {})
        if (light.get("max_content"), light.get("max_average")) != wanted:
            yield f"light levels {light} in {where}, {wanted} in the report"
        if not same_display(container.get(MASTERING, {}), found.get(MASTERING, {})):
            yield f"mastering display {found.get(MASTERING)} in {where}, {container.get(MASTERING)} in the container"
    tracks = json.loads(tool("mediainfo", "--Output=JSON", path).stdout)["media"]["track"]
    said = [str(track.get("HDR_Format_Compatibility")) for track in tracks if track["@type"] == "Video"]
    if not any("HDR10" in compatible for compatible in said):
        yield f"MediaInfo says {said}"


def same_display(one: Entry, other: Entry) -> bool:
    """Equal and not empty, to the steps that HEVC and AV1 have."""
    names = one.keys() - {"side_data_type"}
    is_near = all(abs(float(Fraction(one[name]) - Fraction(other.get(name, 0)))) < 3e-5 for name in names)
    return bool(names) and one.keys() == other.keys() and is_near


def check_pipe(path: Path, source: Media) -> Iterator[str]:
    """As many pictures as frames, whole, of 10 bit; y4m says nothing else."""
    output = look(path)
    if output.complaints:
        yield f"ffprobe complains: {output.complaints[:200]}"
    if len(output.times) != len(source.times):
        yield f"{len(output.times)} pictures, the source has {len(source.times)}"
    for name in ("width", "height"):
        if output.video.get(name) != source.video[name]:
            yield f"{name} {output.video.get(name)}, of the source {source.video[name]}"
    if output.video.get("pix_fmt") != "yuv420p10le":
        yield f"pixels are {output.video.get('pix_fmt')}"


def check_shape(kind: Delivered, source: Media, output: Media) -> Iterator[str]:
    """Size, of whole chroma samples; pixel aspect ratio; orientation."""
    for name, even in zip(("width", "height"), kind.even, strict=True):
        if output.video.get(name) != -(-source.video[name] // even) * even:
            yield f"{name} {output.video.get(name)}, of the source {source.video[name]}"
    ratios = [media.video.get("sample_aspect_ratio", "1:1").replace("0:1", "1:1") for media in (source, output)]
    if ratios[0] != ratios[1]:
        yield f"pixel aspect ratio {ratios[1]}, of the source {ratios[0]}"
    turns = [side_data(media.video).get("Display Matrix", {}).get("rotation", 0) for media in (source, output)]
    if not kind.file.endswith(".mkv") and turns[0] != turns[1]:  # ffprobe 5.1 does not read Matroska's
        yield f"rotation {turns[1]}, of the source {turns[0]}"


def check_companions(path: Path, source: Media, output: Media, report: ConvertReport) -> Iterator[str]:
    """Every other stream is in the output, packet for packet, or a notice says that it is not."""
    copies = [s for s in output.streams if s["index"] != output.video.get("index") and s["codec_type"] != "data"]
    for stream in source.streams:
        if stream["index"] == source.video["index"] or is_made_anew(stream, source, output):
            continue
        if is_dropped(stream, path, report):
            continue
        if copies and is_recoded(stream, path, report):
            copies.pop(0)  # what becomes of it, tests/codecs/test_text_subtitles.py and test_plain_sound.py say
            continue
        name = f"{stream['codec_type']} stream {stream['index']} ({stream.get('codec_name')})"
        if not copies or codec(copies[0]) != codec(stream):
            yield f"{name} is missing, without a notice"
            continue
        yield from (f"{name}: {problem}" for problem in check_copy(stream, copies.pop(0), source, output))
    if copies:
        yield f"{len(copies)} more streams than the source"


def is_recoded(stream: Entry, path: Path, report: ConvertReport) -> bool:
    """Whether a notice says what it becomes in this container."""
    said = re.compile(rf"\bstream {stream['index']}\b.* becomes .* in {path.suffix[1:].upper()}\b")
    return any(said.search(notice) for notice in report.notices)


def codec(stream: Entry) -> str | None:
    """MP4 has one code for MPEG audio of layers 2 and 3, and ffprobe calls both mp3."""
    name = stream.get("codec_name")
    return "mp3" if name == "mp2" else name


def is_made_anew(stream: Entry, source: Media, output: Media) -> bool:
    """Tracks of an MP4 that only carry chapter titles or a time code, which are checked as such."""
    if stream["codec_type"] != "data":
        return False
    tags = [{key.lower(): value for key, value in m.video.get("tags", {}).items()} for m in (source, output)]
    has_time_code = stream.get("codec_tag_string") == "tmcd" and tags[0].get("timecode") == tags[1].get("timecode")
    return has_time_code or (stream.get("codec_tag_string") == "text" and bool(source.chapters))


def is_dropped(stream: Entry, path: Path, report: ConvertReport) -> bool:
    if stream["codec_type"] == "video" and any(notice.startswith("Video stream") for notice in report.notices):
        return True  # it says which of them is converted
    said = re.compile(rf"\bstream {stream['index']}\b.*\b(dropped|not kept|not converted)\b", re.IGNORECASE)
    others = {"MP4 can't", "MOV can't", "MKV can't"} - {f"{path.suffix[1:].upper()} can't"}
    return any(said.search(notice) and not any(o in notice for o in others) for notice in report.notices)


def check_copy(stream: Entry, copy: Entry, source: Media, output: Media) -> Iterator[str]:
    languages = [entry.get("tags", {}).get("language", "und") for entry in (stream, copy)]
    if languages[0] != languages[1]:
        yield f"language {languages[1]}, of the source {languages[0]}"
    here, there = source.packets[stream["index"]], output.packets[copy["index"]]
    if str(stream.get("codec_name")).startswith("pcm_"):  # which containers divide as they like
        lengths = [sum((packet[1] for packet in packets), Fraction(0)) for packets in (here, there)]
        if abs(lengths[0] - lengths[1]) > TICK or offset_error(here[:1], there[:1], source, output) > TICK:
            yield f"{float(lengths[1]):.3f} s of sound, or moved; the source has {float(lengths[0]):.3f} s"
        return
    if [packet[2] for packet in here] != [packet[2] for packet in there]:
        same = sum(a[2] == b[2] for a, b in zip(here, there, strict=False))
        yield f"{len(there)} packets, the source has {len(here)}; {same} are the same"
        return
    if (most := offset_error(here, there, source, output)) > TICK:
        yield f"moved against the pictures by {float(most) * 1000:.3f} ms"
    longer = max((abs(a[1] - b[1]) for a, b in zip(here, there, strict=True)), default=Fraction(0))
    if stream["codec_type"] == "subtitle" and longer > TICK:  # how long sound lasts, its bytes say
        yield f"durations differ by {float(longer) * 1000:.3f} ms"


def offset_error(here: list[Packet], there: list[Packet], source: Media, output: Media) -> Fraction:
    """How far any packet has moved against the first picture, seconds.

    Packets before 0 are left out: ffprobe does not show the times that Matroska stores for them, but counts back
    from the first at 0 or later by what it believes a packet lasts (mkvinfo shows that the stored ones are right).
    """
    begins = [media.times[0] or Fraction(0) if media.times else Fraction(0) for media in (source, output)]
    pairs = ((a[0], b[0]) for a, b in zip(here, there, strict=False))
    moved = (abs(b - begins[1] - a + begins[0]) for a, b in pairs if a is not None and b is not None and b >= 0)
    return max(moved, default=Fraction(0))


def same_chapters(source: Media, output: Media) -> bool:
    pairs = list(zip(source.chapters, output.chapters, strict=False))
    return len(source.chapters) == len(output.chapters) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= TICK for a, b in pairs
    )


def check_exr(folder: Path, source: Media) -> Iterator[str]:
    """As many pictures as frames, their times exact, the first and the last finite."""
    pictures = sorted(folder.glob("*.exr"))
    if len(pictures) != len(source.times):
        yield f"{len(pictures)} pictures, the source has {len(source.times)} frames"
    headers = tool("exrheader", *pictures).stdout
    counts = re.findall(r'tsexpand:pts \(type string\): "(-?\d+)"', headers)
    units = re.findall(r'tsexpand:timeBase \(type string\): "([\d/]+)"', headers)
    times = [int(count) * Fraction(unit) for count, unit in zip(counts, units, strict=True)]
    off = [n for n, (here, there) in enumerate(zip(source.times, times, strict=False)) if here not in (None, there)]
    if len(times) != len(pictures) or off:
        yield f"{len(times)} times in {len(pictures)} headers, {len(off)} are off, first {off[:1]}"
    for path in {*pictures[:1], *pictures[-1:]}:
        yield from check_picture(path, *upright_size(source))


def upright_size(source: Media) -> tuple[int, int]:
    """Width and height as the picture is to be seen: EXR is turned upright."""
    size = (source.video["width"], source.video["height"])
    turn = side_data(source.video).get("Display Matrix", {}).get("rotation", 0)
    return size[::-1] if turn % 180 else size


def check_picture(path: Path, width: int, height: int) -> Iterator[str]:
    done = tool("oiiotool", "--stats", path)
    finite = re.search(r"FiniteCount: (\d+) (\d+) (\d+)", done.stdout)
    is_sized = re.search(rf"\b{width} x +{height}\b", done.stdout)
    if not is_sized or not finite or {int(count) for count in finite.groups()} != {width * height}:
        yield f"{path.name}: oiiotool says {done.stdout[:200]} {done.stderr[:200]}"

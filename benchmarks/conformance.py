"""Converts every clip of a folder, and checks the results with tools that we did not write.

    python benchmarks/conformance.py                      # ../shared/video, analytic light, all frames
    python benchmarks/conformance.py --network --frames 8 # with the shipped weights

Each clip becomes an EXR sequence, an MP4 and a Matroska file in one pass. ffprobe, MediaInfo, exrheader and
oiiotool then say whether pictures, times, sound, subtitles, chapters and HDR10 metadata are those of the source.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from tsexpand.codecs.encode import EncoderOptions
from tsexpand.codecs.exr import Compression
from tsexpand.convert import ConvertOptions, ConvertReport, convert
from tsexpand.engines import Engine
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.engines.devices import Precision, select_device
from tsexpand.engines.eager import EagerEngine
from tsexpand.errors import InputError, TsexpandError
from tsexpand.network.weights import load_weights
from tsexpand.sinks.delivery import DeliveryOptions

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "video"
WEIGHTS = "baseRec_tuningRec"
DELIVERY = DeliveryOptions(EncoderOptions("hevc", 28, "ultrafast"), Compression.PIZ, 203.0, 1000.0, overwrite=False)

REFUSED = {
    "odd_already_hlg.mp4": "already HDR",
    "odd_already_pq_av1.mp4": "already HDR",
    "odd_audio_only.avi": "no video stream",
    "odd_corrupted.mp4": "undecodable",
    "odd_invalid_vp9.webm": "undecodable",
}
"""Clips that must not be converted, and what the error must say of them; all others must."""

COLOUR = {
    "codec_name": "hevc",
    "profile": "Main 10",
    "pix_fmt": "yuv420p10le",
    "color_primaries": "bt2020",
    "color_transfer": "smpte2084",
    "color_space": "bt2020nc",
    "color_range": "tv",
    "chroma_location": "topleft",
}
MASTERING, LIGHT = "Mastering display metadata", "Content light level metadata"
HALF_MILLISECOND, MILLISECOND = Fraction(1, 2000), Fraction(1, 1000)
Packet = tuple[Fraction | None, Fraction, str]
"""Time and duration in seconds, hash of the bytes."""

CARRIED = ("audio", "subtitle", "attachment")


@dataclass
class Media:
    """What ffprobe says of a file.

    Attributes:
        video: the first stream of moving pictures, empty if there is none.
        times: of its frames in seconds, None where unknown.
        keyframes: the side data of each, by kind.
        streams: all.
        packets: by stream.
        complaints: what ffprobe printed while it decoded.
    """

    video: dict[str, Any]
    times: list[Fraction | None]
    keyframes: list[dict[str, dict[str, Any]]]
    streams: list[dict[str, Any]]
    packets: dict[int, list[Packet]]
    chapters: list[dict[str, Any]]
    complaints: str


@dataclass
class Result:
    """Of one clip."""

    clip: str
    result: str = ""
    frames: int = 0
    seconds: float = 0.0
    mkv_error_ms: float = 0.0
    offset_error_ms: dict[str, float] = field(default_factory=dict)
    content_light: tuple[int, int] | None = None
    notices: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)


def tool(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, errors="replace", check=False)


def ffprobe(path: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    done = tool("ffprobe", "-v", "error", "-of", "json", *arguments, path)
    return json.loads(done.stdout or "{}"), done.stderr.strip()


def look(path: Path) -> Media:
    facts, _ = ffprobe(path, "-show_streams", "-show_chapters")
    streams = facts.get("streams", [])
    video = next((s for s in streams if s["codec_type"] == "video" and not s["disposition"]["attached_pic"]), {})
    times, keyframes, complaints = frames_of(path, video) if video else ([], [], "")
    return Media(video, times, keyframes, streams, packets_of(path, streams), facts.get("chapters", []), complaints)


def frames_of(path: Path, video: dict[str, Any]) -> tuple[list[Fraction | None], list[dict[str, Any]], str]:
    entries = "frame=best_effort_timestamp,key_frame:frame_side_data"
    found, complaints = ffprobe(path, "-select_streams", str(video["index"]), "-show_entries", entries)
    frames = found.get("frames", [])
    unit = Fraction(video["time_base"])
    times = [f["best_effort_timestamp"] * unit if "best_effort_timestamp" in f else None for f in frames]
    return times, [side_data(f) for f in frames if f["key_frame"]], complaints


def packets_of(path: Path, streams: list[dict[str, Any]]) -> dict[int, list[Packet]]:
    entries = "packet=stream_index,pts,duration,size,data_hash"
    found, _ = ffprobe(path, "-show_data_hash", "md5", "-show_entries", entries)
    units = {s["index"]: Fraction(s["time_base"]) for s in streams}
    packets: dict[int, list[Packet]] = {index: [] for index in units}
    for packet in found.get("packets", []):
        unit = units[packet["stream_index"]]
        pts = packet["pts"] * unit if "pts" in packet else None
        if int(packet["size"]):
            packets[packet["stream_index"]].append((pts, packet.get("duration", 0) * unit, packet["data_hash"]))
    return packets


def side_data(thing: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["side_data_type"]: entry for entry in thing.get("side_data_list", [])}


def check_times(source: Media, output: Media, shift: Fraction, tolerance: Fraction) -> Iterator[str]:
    """The frames are those of the source, each at its time; how far off at most is within the tolerance."""
    if len(output.times) != len(source.times):
        yield f"{len(output.times)} frames, the source has {len(source.times)}"
    off = [
        (number, abs(there - here - shift))
        for number, (here, there) in enumerate(zip(source.times, output.times, strict=False))
        if here is not None and there is not None and abs(there - here - shift) > tolerance
    ]
    if off:
        number, most = max(off, key=lambda pair: pair[1])
        yield f"{len(off)} times are off, first frame {off[0][0]}, most frame {number} by {float(most) * 1000:.4f} ms"
    known = [time for time in output.times if time is not None]
    if len(known) < len(output.times) or any(b <= a for a, b in zip(known, known[1:], strict=False)):
        yield "times are missing or do not rise"


def time_error(source: Media, output: Media, shift: Fraction) -> float:
    """Milliseconds, at most."""
    pairs = zip(source.times, output.times, strict=False)
    return max((float(abs(b - a - shift)) * 1000 for a, b in pairs if a is not None and b is not None), default=0.0)


def check_hdr10(path: Path, source: Media, output: Media, report: ConvertReport) -> Iterator[str]:
    video, first = output.video, (output.keyframes or [{}])[0]
    for name, wanted in COLOUR.items():
        if video.get(name) != wanted:
            yield f"{name} is {video.get(name)}, not {wanted}"
    if path.suffix == ".mp4" and video.get("codec_tag_string") != "hvc1":
        yield f"codec tag {video.get('codec_tag_string')}"
    assert report.content_light is not None
    light = (report.content_light.max_cll, report.content_light.max_fall)
    stated = [("container", side_data(video)), *(("keyframe", entries) for entries in output.keyframes)]
    for where, entries in stated:
        found = entries.get(LIGHT, {})
        if (found.get("max_content"), found.get("max_average")) != light:
            yield f"light levels in {where}: {found}, reported {light}"
    container, stream = side_data(video).get(MASTERING), first.get(MASTERING)
    if container is None or stream is None or not same_numbers(container, stream):
        yield f"mastering display: container {container}, bitstream {stream}"
    said = json.loads(tool("mediainfo", "--Output=JSON", path).stdout)["media"]["track"]
    compatible = [track.get("HDR_Format_Compatibility") for track in said if track["@type"] == "Video"]
    if not compatible or "HDR10" not in str(compatible[0]):
        yield f"MediaInfo says {compatible}"


def same_numbers(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Fractions equal whatever their denominators, to the steps that HEVC has."""

    def value(text: str) -> float:
        return float(Fraction(text))

    names = [name for name in one if name != "side_data_type"]
    return one.keys() == other.keys() and all(abs(value(one[n]) - value(other[n])) < 2e-5 for n in names)


def check_shape(path: Path, source: Media, output: Media) -> Iterator[str]:
    """Size, pixel aspect ratio and orientation."""
    for name in ("width", "height"):
        if output.video.get(name) != -(-source.video[name] // 2) * 2:
            yield f"{name} {output.video.get(name)}, of the source {source.video[name]}"
    ratios = [m.video.get("sample_aspect_ratio", "1:1").replace("0:1", "1:1") for m in (source, output)]
    if ratios[0] != ratios[1]:
        yield f"pixel aspect ratio {ratios[1]}, of the source {ratios[0]}"
    turns = [side_data(m.video).get("Display Matrix", {}).get("rotation", 0) for m in (source, output)]
    if path.suffix == ".mp4" and turns[0] != turns[1]:  # ffprobe 5.1 does not read Matroska's projection
        yield f"rotation {turns[1]}, of the source {turns[0]}"


def check_companions(path: Path, source: Media, output: Media, report: ConvertReport, cut: bool) -> Iterator[str]:
    """Every stream is in the output, packet for packet, or a notice says that it is not."""
    copies = [s for s in output.streams if s["codec_type"] in CARRIED or s["disposition"]["attached_pic"]]
    for stream in source.streams:
        if stream["index"] == source.video["index"] or is_chapter_text(stream, source):
            continue
        if is_dropped(stream, path, report):
            continue
        what = f"{stream['codec_type']} stream {stream['index']} ({stream.get('codec_name')})"
        if not copies or codec(copies[0]) != codec(stream):
            yield f"{what} is missing, without a notice"
            continue
        copy = copies.pop(0)
        here, there = source.packets[stream["index"]], output.packets[copy["index"]]
        yield from (f"{what}: {problem}" for problem in check_packets(here, there, source, output, cut))
        if stream["codec_type"] == "subtitle":
            yield from (f"{what}: {problem}" for problem in check_durations(here, there))
    if copies:
        yield f"{len(copies)} streams more than the source"
    titles = [[(Fraction(c["start_time"]), c.get("tags")) for c in m.chapters] for m in (source, output)]
    if not cut and titles[0] != titles[1]:
        yield f"chapters {titles[1]}, of the source {titles[0]}"


def codec(stream: dict[str, Any]) -> str | None:
    """MP4 has one code for MPEG-1 audio layers 2 and 3, which ffprobe calls mp3."""
    name = stream.get("codec_name")
    return "mp3" if name == "mp2" else name


def is_chapter_text(stream: dict[str, Any], source: Media) -> bool:
    """An MP4's track of chapter titles, which ffprobe shows as chapters too."""
    return bool(source.chapters) and stream.get("codec_tag_string") == "text" and stream["codec_type"] == "data"


def is_dropped(stream: dict[str, Any], path: Path, report: ConvertReport) -> bool:
    pattern = re.compile(rf"\bstream {stream['index']}\b.*\b(dropped|not kept|not carried)\b", re.IGNORECASE)
    others = {".mp4": "MKV can't", ".mkv": "MP4 can't"}[path.suffix]
    return any(pattern.search(notice) and others not in notice for notice in report.notices)


def check_packets(
    here: list[Packet],
    there: list[Packet],
    source: Media,
    output: Media,
    cut: bool,
) -> Iterator[str]:
    if cut:
        here = here[: len(there)]
    if [packet[2] for packet in here] != [packet[2] for packet in there]:
        same = sum(a[2] == b[2] for a, b in zip(here, there, strict=False))
        yield f"{len(there)} packets, the source has {len(here)}; {same} are the same"
        return
    most = offset_error(here, there, source, output)
    if most > MILLISECOND:
        yield f"moved against the pictures by {float(most) * 1000:.3f} ms"


def check_durations(here: list[Packet], there: list[Packet]) -> Iterator[str]:
    """Of subtitles; how long sound lasts, its bytes say."""
    longer = max((abs(a[1] - b[1]) for a, b in zip(here, there, strict=False)), default=Fraction(0))
    if longer > MILLISECOND:
        yield f"durations differ by {float(longer) * 1000:.3f} ms"


def offset_error(
    here: list[Packet],
    there: list[Packet],
    source: Media,
    output: Media,
) -> Fraction:
    """How far any packet has moved against the first picture, seconds."""
    shift = (output.times[0] or 0) - (source.times[0] or 0) if source.times and output.times else Fraction(0)
    pairs = zip(here, there, strict=False)
    moved = (abs(b[0] - a[0] - shift) for a, b in pairs if a[0] is not None and b[0] is not None)
    return max(moved, default=Fraction(0))


def check_exr(folder: Path, source: Media) -> Iterator[str]:
    pictures = sorted(folder.glob("*.exr"))
    if len(pictures) != len(source.times):
        yield f"{len(pictures)} pictures, the source has {len(source.times)} frames"
    headers = tool("exrheader", *pictures).stdout
    counts = re.findall(r'tsexpand:pts \(type string\): "(-?\d+)"', headers)
    units = re.findall(r'tsexpand:timeBase \(type string\): "([\d/]+)"', headers)
    times = [int(count) * Fraction(unit) for count, unit in zip(counts, units, strict=True)]
    off = [n for n, (a, b) in enumerate(zip(source.times, times, strict=False)) if a is not None and a != b]
    if len(times) != len(pictures) or off:
        yield f"{len(times)} times in headers, {len(off)} are off: {off[:3]}"
    size = f"{source.video['width']} x {source.video['height']}"
    for path in {pictures[0], pictures[-1]} if pictures else set():
        done = tool("oiiotool", "--stats", path)
        finite = re.search(r"FiniteCount: (.*)", done.stdout)
        wanted = str(source.video["width"] * source.video["height"])
        if (
            done.returncode
            or not finite
            or set(finite[1].split()[:3]) != {wanted}
            or size not in " ".join(done.stdout.split())
        ):
            yield f"{path.name}: {done.stdout[:200]} {done.stderr[:200]}"


def first_shift(report: ConvertReport, source: Media) -> Fraction:
    """What the report says that it moved all times by: a first picture before 0 comes to 0."""
    moved = any("all times moved" in notice for notice in report.notices)
    return -source.times[0] if moved and source.times and source.times[0] is not None else Fraction(0)


def check(folder: Path, clip: Path, report: ConvertReport, frames: int | None) -> Result:
    source = look(clip)
    if cut := frames is not None and len(source.times) > frames:
        source.times = source.times[:frames]
    result = Result(clip.name, "converted", report.frames, notices=report.notices)
    shift = first_shift(report, source)
    if report.content_light is not None:
        result.content_light = (report.content_light.max_cll, report.content_light.max_fall)
    result.problems += [f"exr: {problem}" for problem in check_exr(folder / "exr", source)]
    for name, tolerance in (("a.mp4", Fraction(0)), ("a.mkv", HALF_MILLISECOND)):
        path = folder / name
        output = look(path)
        problems = [output.complaints] if output.complaints else []
        problems += check_times(source, output, shift, tolerance)
        problems += check_hdr10(path, source, output, report)
        problems += check_shape(path, source, output)
        problems += check_companions(path, source, output, report, cut)
        result.problems += [f"{path.suffix[1:]}: {problem}" for problem in problems]
        if path.suffix == ".mkv":
            result.mkv_error_ms = time_error(source, output, shift)
    return result


def run(clip: Path, engine: Engine, frames: int | None) -> Result:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tsexpand-") as name:
        folder = Path(name)
        outputs = (folder / "exr", folder / "a.mp4", folder / "a.mkv")
        try:
            report = convert(ConvertOptions(str(clip), outputs, DELIVERY, frames=frames), engine)
        except TsexpandError as error:
            result = refusal(clip, error, list(folder.iterdir()))
        except Exception as error:  # a bug; the other clips are still to be looked at
            result = Result(clip.name, "crashed", problems=[f"{type(error).__name__}: {error}"])
        else:
            result = check(folder, clip, report, frames)
            if clip.name in REFUSED:
                result.problems.append("should have been refused")
    result.seconds = time.monotonic() - began
    return result


def refusal(clip: Path, error: TsexpandError, left: list[Path]) -> Result:
    result = Result(clip.name, f"{type(error).__name__}: {error}")
    wanted = REFUSED.get(clip.name)
    if wanted is None:
        result.problems.append("should have been converted")
    elif not isinstance(error, InputError) or wanted not in str(error):
        result.problems.append(f"refused for another reason than {wanted!r}")
    if left:
        result.problems.append(f"left {[path.name for path in left]}")
    return result


def make_engine(network: bool) -> Engine:
    device = select_device("auto")
    if network:
        return EagerEngine(load_weights(WEIGHTS), device, Precision.AUTO, None, DELIVERY.reference_white)
    return AnalyticEngine(device, DELIVERY.reference_white)


def show(result: Result) -> None:
    verdict = "PROBLEM" if result.problems else "ok"
    print(
        f"{result.clip:38} {result.frames:5}  {result.seconds:6.1f} s  {verdict:8} {result.result}"
        f"{f', mkv off by {result.mkv_error_ms:.3f} ms' if result.mkv_error_ms else ''}",
        flush=True,
    )
    for line in (*(f"problem: {p}" for p in result.problems), *(f"notice: {n}" for n in result.notices)):
        print(f"{'':40}{line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path, default=[CLIPS], help="folders or files; ../shared/video")
    parser.add_argument("--network", action="store_true", help="with the shipped weights, not the analytic light")
    parser.add_argument("--frames", type=int, help="of each clip, all if not given")
    parser.add_argument("--json", type=Path, help="file for the results")
    arguments = parser.parse_args()
    engine = make_engine(arguments.network)
    results = []
    for place in arguments.clips:
        for clip in sorted(place.iterdir()) if place.is_dir() else [place]:
            if clip.suffix != ".csv":
                results.append(run(clip, engine, arguments.frames))
                show(results[-1])
    bad = sum(bool(result.problems) for result in results)
    print(f"{len(results)} clips, {bad} with problems")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

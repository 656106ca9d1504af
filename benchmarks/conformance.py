"""Converts every clip of some folders to every delivery, and checks the results with tools that we did not write.

    python benchmarks/conformance.py                      # ../shared/video and made ones, analytic light, all frames
    python benchmarks/conformance.py --network --frames 8 # with the shipped weights
    python benchmarks/conformance.py --table docs/formats.md --json benchmarks/results/conformance.json

Made ones are by FFmpeg's own command (`conformance_cases.py`). ffprobe, MediaInfo, exrheader and oiiotool say whether
pictures, times, sound, subtitles, chapters and HDR metadata are those of the source (`conformance_checks.py`); zimg and
colour-science, what the colours should be (`conformance_colour.py`). It needs ffmpeg with zscale, mediainfo, openexr
and openimageio-tools from Debian.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from conformance_cases import make_cases
from conformance_checks import (
    AV1,
    FFV1,
    HDR10_MKV,
    HDR10_MP4,
    HLG,
    PRORES,
    Delivered,
    check_exr,
    check_pipe,
    check_video,
    moved_by,
    time_errors,
)
from conformance_colour import colour_error, exr_light, source_light, video_light
from conformance_table import write_table
from witness import Media, first_frames, look, side_data

from tsexpand.cli.engine import DEFAULT_WEIGHTS
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.exr import Compression
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.colour.signal import HDR10 as PQ
from tsexpand.colour.signal import HLG10
from tsexpand.convert import ConvertOptions, ConvertReport, convert
from tsexpand.engines import Engine
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.engines.devices import Precision, select_device
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import InputError, TsexpandError
from tsexpand.network.weights import load_weights
from tsexpand.sinks.delivery import DeliveryOptions

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "video"
HEVC, SVT = EncoderOptions("hevc", 10, "ultrafast"), EncoderOptions("av1", 10, "12")

REFUSED = {
    "odd_already_hlg.mp4": "already HDR",
    "odd_already_pq_av1.mp4": "already HDR",
    "odd_audio_only.avi": "no video stream",
    "odd_corrupted.mp4": "undecodable",
    "odd_invalid_vp9.webm": "no decodable picture",
    "gen_changes_size.ts": "pictures change from 320×240 yuv420p to 176×144 yuv420p at 00:00:02",
}
"""Clips that must not be converted, and what the error must say of them; all others must."""

MOST_OFF = 2.0
"""ΔE_ITP that coding may cost; five times as much where the source has all its chroma, of which 4:2:0 has a quarter."""

VIDEOS = (HDR10_MP4, HDR10_MKV, HLG, AV1, PRORES, FFV1)

LOOKED_AT = 12
"""Number of the picture whose colours are compared."""


@dataclass
class Result:
    """Of one clip.

    Attributes:
        clip: its name.
        kind: codec, pixel format, size.
        result: "converted", or the error.
        frames: of the source as ffprobe counts them.
        deliveries: by name: problems, a line each.
        time_error_ms: by name: of the worst picture.
        colour: by name: ΔE_ITP, median and that of the worst hundredth.
        streams: kept of how many beside the pictures, by name.
        notices: that the conversion gave.
    """

    clip: str
    kind: str = ""
    result: str = ""
    frames: int = 0
    seconds: float = 0.0
    deliveries: dict[str, list[str]] = field(default_factory=dict)
    time_error_ms: dict[str, float] = field(default_factory=dict)
    colour: dict[str, tuple[float, float]] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    @property
    def is_bad(self) -> bool:
        """Whether anything is not as it should be."""
        return bool(self.problems or any(self.deliveries.values()))


class Clip:
    """A source, as outside witnesses see it."""

    def __init__(self, path: Path, frames: int | None) -> None:
        self.path = path
        whole = look(path)
        self.is_cut = frames is not None and len(whole.times) > frames
        self.media = whole if frames is None else first_frames(whole, frames)
        self.number = min(LOOKED_AT, max(0, len(self.media.times) - 1))

    @property
    def kind(self) -> str:
        """Codec, pixel format, size, what is odd."""
        video = self.media.video
        if not video:
            return "no video"
        return f"{video.get('codec_name')} {video.get('pix_fmt')} {video.get('width')}×{video.get('height')}"

    def light(self, report: ConvertReport) -> np.ndarray:
        """Of the picture that is looked at."""
        return source_light(self.path, self.media.video["index"], report.source, self.number)

    def turned(self, light: np.ndarray) -> np.ndarray:
        """Upright, as its display matrix asks for."""
        turn = side_data(self.media.video).get("Display Matrix", {}).get("rotation", 0)
        return np.rot90(light, turn // 90)


@contextmanager
def stdout_to(path: Path) -> Iterator[None]:
    """Everything that is written to standard output goes into a file."""
    sys.stdout.flush()
    kept = os.dup(1)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def convert_all(clip: Path, folder: Path, engine: Engine, frames: int | None) -> list[ConvertReport]:
    """Every delivery: those of HDR10 in one pass, the others in one each."""
    passes = [
        (("exr", HDR10_MP4.file, HDR10_MKV.file, "-"), HEVC, PQ),
        ((HLG.file,), HEVC, HLG10),
        ((AV1.file,), SVT, PQ),
        ((PRORES.file,), EncoderOptions("prores"), PQ),
        ((FFV1.file,), EncoderOptions("ffv1"), PQ),
    ]
    reports = []
    for names, encoder, signal in passes:
        delivery = DeliveryOptions(encoder, Compression.PIZ, 203.0, 1000.0, overwrite=False, signal=signal)
        outputs = tuple(Path(name) if name == "-" else folder / name for name in names)
        options = ConvertOptions(str(clip), outputs, delivery, SourceOptions(frames=frames), denoise=False)
        with stdout_to(folder / "pipe.y4m") if "-" in names else stdout_to(folder / "nothing"):
            reports.append(convert(options, engine))
    return reports


def check(folder: Path, clip: Clip, reports: list[ConvertReport], is_exact: bool) -> Result:
    """Looks at all that was delivered."""
    source, report = clip.media, reports[0]
    result = Result(clip.path.name, clip.kind, "converted", len(source.times))
    result.notices = tuple(dict.fromkeys(report.notices))
    result.deliveries["EXR"] = list(check_exr(folder / "exr", source))
    result.deliveries["y4m"] = list(check_pipe(folder / "pipe.y4m", source))
    result.time_error_ms["EXR"] = 0.0  # check_exr holds each header's time exactly
    for delivered, made in zip(VIDEOS, (report, *reports), strict=True):
        output = look(folder / delivered.file)
        result.deliveries[delivered.name] = list(
            check_video(delivered, folder / delivered.file, source, output, made, clip.is_cut)
        )
        errors = time_errors(source, output, moved_by(made, source))
        result.time_error_ms[delivered.name] = float(max(errors, default=Fraction(0))) * 1000
        result.streams[delivered.name] = f"{kept_streams(output)}/{kept_streams(source)}"
    if is_exact:
        check_colours(folder, clip, report, result)
    return result


def kept_streams(media: Media) -> int:
    """How many streams of sound and text there are, and attachments."""
    return sum(stream["codec_type"] in ("audio", "subtitle", "attachment") for stream in media.streams)


def check_colours(folder: Path, clip: Clip, report: ConvertReport, result: Result) -> None:
    """Of one picture of each delivery, against the source's own."""
    light, number = clip.light(report), clip.number
    exr = sorted((folder / "exr").glob("*.exr"))[number]
    errors = {}
    if not report.source.has_alpha:  # of which EXR holds colours multiplied by opacity
        errors["EXR"] = colour_error(clip.turned(light), exr_light(exr))
    for video in (*VIDEOS, Delivered("y4m", "pipe.y4m", {})):
        siting = "left" if video in (PRORES, FFV1) else "topleft"
        found = video_light(folder / video.file, 0, number, siting, is_hlg=video is HLG)
        errors[video.name] = colour_error(light, found)
    for name, error in errors.items():
        result.colour[name] = (round(error.median, 4), round(error.most, 4))
        if error.median > (0.1 if name == "EXR" else MOST_OFF * (5 if "444" in report.source.pixel_format else 1)):
            result.deliveries[name].append(f"colours are {error.median:.2f} ΔE_ITP off")


def run(path: Path, engine: Engine, frames: int | None, is_exact: bool) -> Result:
    """One clip."""
    began = time.monotonic()
    clip = Clip(path, frames)
    with tempfile.TemporaryDirectory(prefix="tsexpand-") as name:
        folder = Path(name)
        try:
            reports = convert_all(path, folder, engine, frames)
        except TsexpandError as error:
            result = refusal(clip, error, [p for p in folder.iterdir() if p.name not in ("pipe.y4m", "nothing")])
        except Exception as error:  # a bug; the other clips are still to be looked at
            result = Result(path.name, clip.kind, "crashed", problems=[f"{type(error).__name__}: {error}"])
        else:
            result = check(folder, clip, reports, is_exact)
            if path.name in REFUSED:
                result.problems.append("should have been refused")
    result.seconds = round(time.monotonic() - began, 1)
    return result


def refusal(clip: Clip, error: TsexpandError, left: list[Path]) -> Result:
    """Whether a clip was rightly refused, and nothing is left of it."""
    result = Result(
        clip.path.name, clip.kind, f"{type(error).__name__}: {error}".replace(str(clip.path), clip.path.name)
    )
    wanted = REFUSED.get(clip.path.name)
    if wanted is None:
        result.problems.append("should have been converted")
    elif not isinstance(error, InputError) or wanted not in str(error):
        result.problems.append(f"refused for another reason than {wanted!r}")
    if left:
        result.problems.append(f"left {[path.name for path in left]}")
    return result


def make_engine(network: bool) -> Engine:
    """The network, or light that is known."""
    device = select_device("auto")
    if network:
        return NetworkEngine(load_weights(DEFAULT_WEIGHTS), device, Precision.AUTO, None, 203.0)
    return AnalyticEngine(device, 203.0)


def show(result: Result) -> None:
    """On standard output."""
    verdict = "PROBLEM" if result.is_bad else "ok"
    off = ", ".join(f"{name} off by {error:.3f} ms" for name, error in result.time_error_ms.items() if error)
    print(f"{result.clip:38} {result.frames:5} {result.seconds:6.1f} s  {verdict:8} {result.result}  {off}", flush=True)
    lines = [f"{name}: {problem}" for name, problems in result.deliveries.items() for problem in problems]
    for line in (*(f"problem: {p}" for p in [*result.problems, *lines]), *(f"notice: {n}" for n in result.notices)):
        print(f"{'':56}{line}", flush=True)


def clips(places: list[Path], made: Path) -> Iterator[Path]:
    """All that are to be converted; without places the shared ones, and those that are made."""
    for place in places or [CLIPS]:
        yield from (path for path in sorted(place.iterdir()) if path.suffix != ".csv") if place.is_dir() else [place]
    if not places:
        yield from make_cases(made)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="*", type=Path, help="folders or files; ../shared/video and made ones")
    parser.add_argument("--network", action="store_true", help="with the shipped weights, not the analytic light")
    parser.add_argument("--frames", type=int, help="of each clip, all if not given")
    parser.add_argument("--json", type=Path, help="file for the results")
    parser.add_argument("--table", type=Path, help="Markdown file for the table")
    arguments = parser.parse_args()
    engine = make_engine(arguments.network)
    results = []
    with tempfile.TemporaryDirectory(prefix="tsexpand-") as made:
        for clip in clips(arguments.clips, Path(made)):
            results.append(run(clip, engine, arguments.frames, is_exact=not arguments.network))
            show(results[-1])
    bad = sum(result.is_bad for result in results)
    print(f"{len(results)} clips, {bad} with problems")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
    if arguments.table:
        write_table(arguments.table, results)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

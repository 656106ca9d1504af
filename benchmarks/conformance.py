"""Converts every clip of a folder, and checks the results with tools that we did not write.

    python benchmarks/conformance.py                      # ../shared/video, analytic light, all frames
    python benchmarks/conformance.py --network --frames 8 # with the shipped weights

Each clip becomes an EXR sequence, an MP4 and a Matroska file in one pass. ffprobe, MediaInfo, exrheader and
oiiotool then say whether pictures, times, sound, subtitles, chapters and HDR10 metadata are those of the source.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path

from conformance_checks import check_exr, check_video, moved_by, time_errors
from witness import first_frames, look

from tsexpand.cli.convert import DEFAULT_WEIGHTS
from tsexpand.codecs.encode import EncoderOptions
from tsexpand.codecs.exr import Compression
from tsexpand.convert import ConvertOptions, ConvertReport, convert
from tsexpand.engines import Engine
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.engines.devices import Precision, select_device
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import InputError, TsexpandError
from tsexpand.network.weights import load_weights
from tsexpand.sinks.delivery import DeliveryOptions

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "video"
DELIVERY = DeliveryOptions(EncoderOptions("hevc", 28, "ultrafast"), Compression.PIZ, 203.0, 1000.0, overwrite=False)

REFUSED = {
    "odd_already_hlg.mp4": "already HDR",
    "odd_already_pq_av1.mp4": "already HDR",
    "odd_audio_only.avi": "no video stream",
    "odd_corrupted.mp4": "undecodable",
    "odd_invalid_vp9.webm": "no decodable picture",
}
"""Clips that must not be converted, and what the error must say of them; all others must."""


@dataclass
class Result:
    """Of one clip."""

    clip: str
    result: str = ""
    frames: int = 0
    seconds: float = 0.0
    time_error_ms: dict[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)


def check(folder: Path, clip: Path, report: ConvertReport, frames: int | None) -> Result:
    source = look(clip)
    is_cut = frames is not None and len(source.times) > frames
    if frames is not None:
        source = first_frames(source, frames)
    result = Result(clip.name, "converted", report.frames, notices=tuple(dict.fromkeys(report.notices)))
    result.problems += [f"exr: {problem}" for problem in check_exr(folder / "exr", source)]
    for path in (folder / "a.mp4", folder / "a.mkv"):
        output = look(path)
        problems = check_video(path, source, output, report, is_cut)
        result.problems += [f"{path.suffix[1:]}: {problem}" for problem in problems]
        errors = time_errors(source, output, moved_by(report, source))
        result.time_error_ms[path.suffix[1:]] = float(max(errors, default=Fraction(0))) * 1000
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
        return NetworkEngine(load_weights(DEFAULT_WEIGHTS), device, Precision.AUTO, None, DELIVERY.reference_white)
    return AnalyticEngine(device, DELIVERY.reference_white)


def show(result: Result) -> None:
    verdict = "PROBLEM" if result.problems else "ok"
    off = ", ".join(f"{name} off by {error:.3f} ms" for name, error in result.time_error_ms.items() if error)
    print(f"{result.clip:38} {result.frames:5} {result.seconds:6.1f} s  {verdict:8} {result.result}  {off}", flush=True)
    for line in (*(f"problem: {p}" for p in result.problems), *(f"notice: {n}" for n in result.notices)):
        print(f"{'':56}{line}", flush=True)


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

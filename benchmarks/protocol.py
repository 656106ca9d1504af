"""Scores weights by the protocol of the project (shared/quality), through the real command.

Makes SDR clips with ground truth from HDR panoramas, converts each with `tsexpand convert CLIP
FOLDER --peak 10000`, and scores the pictures without fitting anything; beside them, in the same
run, the plain inverse EOTF (the analytic engine, nothing else), and with --maps other maps of the
code value. With --no-denoise the networks are scored alone. Usage:
protocol.py [--weights NAME ...] [--maps] [--no-denoise] [--shared ../shared] [--clips FOLDER] [--frames 24]
    [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from maps import MAPS, predict_by_map
from memory import ANALYTIC

from tsexpand.network.weights import shipped_weights

ROOT = Path(__file__).parent.parent
ANALYTIC_NAME = "inverse EOTF 2.4"
COLUMNS = ("pu1000", "pu4000", "pu_clipped", "pu_rest", "flicker", "wobble_stops", "scale_stops", "contrast")


def make_clips(quality: Path, scenes: Path, folder: Path, frames: int) -> None:
    """SDR clips and their true light."""
    command = [sys.executable, "clips.py", str(scenes.absolute()), str(folder.absolute()), "--frames", str(frames)]
    subprocess.run(command, cwd=quality, check=True)


def predict(clips: Path, folder: Path, weights: str, denoise: bool) -> None:
    """EXR sequences of all clips, each in a folder of its name; of a map tensors, as the scorer takes them too."""
    if weights in MAPS:
        folder.mkdir()
        for clip in sorted(clips.glob("*.mp4")):
            torch.save(predict_by_map(clip, MAPS[weights]), folder / f"{clip.stem}.pt")
        return
    program = [sys.executable, "-c", ANALYTIC] if weights == ANALYTIC_NAME else [sys.executable, "-m", "tsexpand"]
    names = ["--no-denoise"] if weights == ANALYTIC_NAME or not denoise else []
    names += [] if weights == ANALYTIC_NAME else ["--weights", weights]
    inputs = [str(clip) for clip in sorted(clips.glob("*.mp4"))]
    command = [*program, "convert", *inputs, str(folder), "--to", "exr", "--peak", "10000", "--quiet", *names]
    subprocess.run(command, cwd=ROOT, check=True)


def score(quality: Path, clips: Path, predictions: Path) -> dict[str, float]:
    """The means over the clips."""
    command = [sys.executable, "score.py", str(clips.absolute()), str(predictions.absolute())]
    output = subprocess.run(command, cwd=quality, check=True, capture_output=True, text=True).stdout
    means: dict[str, float] = json.loads(output.splitlines()[-1])
    return means


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", nargs="+", default=sorted(shipped_weights()), help="by default all that ship")
    parser.add_argument("--maps", action="store_true", help="also inverse EOTF 2.2 and BT.2446-A")
    parser.add_argument("--no-denoise", dest="denoise", action="store_false", help="score the networks alone")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--clips", type=Path, help="made by shared/quality/clips.py before; saves making them")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    quality = options.shared / "quality"
    rows = {}
    print(f"{'':34}" + "".join(f"{column:>13}" for column in COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        clips = options.clips or Path(folder) / "clips"
        if not options.clips:
            make_clips(quality, options.shared / "hdr" / "val", clips, options.frames)
        for index, weights in enumerate([ANALYTIC_NAME, *(MAPS if options.maps else ()), *options.weights]):
            predictions = Path(folder) / str(index)
            predict(clips, predictions, weights, options.denoise)
            rows[weights] = score(quality, clips, predictions)
            print(f"{weights:34}" + "".join(f"{rows[weights][column]:13.4f}" for column in COLUMNS), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

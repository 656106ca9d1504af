"""Peak memory of `tsexpand convert` over clip length: it must not depend on it.

Makes noisy clips of 640×360 and converts each in a process of its own, to HDR10 and EXR in one
pass. Usage: memory.py [--frames 100 1000] [--weights NAME] [--analytic] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tsexpand.cli.engine import DEFAULT_WEIGHTS

WIDTH, HEIGHT, RATE = 640, 360, 25

ANALYTIC = """
import sys, torch, tsexpand.cli, tsexpand.cli.convert as command
from tsexpand.engines.analytic import AnalyticEngine
engine = AnalyticEngine(torch.device("cpu"))
command.load_engine = lambda *_: engine
tsexpand.cli.main()
"""


def make_clip(path: Path, frames: int, width: int = WIDTH, height: int = HEIGHT) -> None:
    """A wandering gradient with noise, H.264, with sound."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    noise = rng.integers(0, 24, (height, width, 3))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for index in range(frames):
            base = np.stack([(x + 3 * index) % 232, (y + index) % 232, (x + y) % 232], axis=-1)
            frame = av.VideoFrame.from_ndarray((base + np.roll(noise, index, axis=1)).astype(np.uint8), "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(video.encode(frame))
            sound = av.AudioFrame.from_ndarray(rng.integers(-999, 999, (1, 320)).astype(np.int16), "s16", "mono")
            sound.sample_rate, sound.pts, sound.time_base = 8000, 320 * index, Fraction(1, 8000)
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def peak_megabytes(command: list[str]) -> float:
    """Highest resident set of a process that must succeed."""
    measure = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    output = subprocess.run([sys.executable, "-c", measure, *command], check=True, capture_output=True, text=True)
    return int(output.stdout.split()[-1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--analytic", action="store_true", help="without the network: quick")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    program = [sys.executable, "-c", ANALYTIC] if options.analytic else [sys.executable, "-m", "tsexpand"]
    rows = []
    for frames in options.frames:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.mkv"
            make_clip(clip, frames)
            arguments = ["convert", str(clip), f"{folder}/out.mkv", "--also", f"{folder}/exr", "--quiet"]
            arguments += ["--preset", "ultrafast", "--weights", options.weights, "--precision", options.precision]
            rows.append({"frames": frames, "peak_mb": round(peak_megabytes([*program, *arguments]), 1)})
        print(f"{frames:6} frames {rows[-1]['peak_mb']:8.1f} MB", flush=True)
    growth = rows[-1]["peak_mb"] / rows[0]["peak_mb"] - 1
    print(f"growth {growth:+.1%}")
    if options.json:
        engine = "analytic" if options.analytic else options.weights
        options.json.write_text(json.dumps({"engine": engine, "rows": rows, "growth": round(growth, 4)}, indent=1))


if __name__ == "__main__":
    main()

"""How fast and how large conversions are on this machine: what docs/performance.md tells, measured anew.

Runs `tsexpand bench` on frames and clips of the usual sizes, each in a process of its own, and the real command for its
peak memory. Nothing else should run meanwhile; takes about a quarter of an hour on two cores.
Usage: performance.py [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from memory import make_clip, peak_megabytes

NETWORK = ("960x540", "1920x1080")
CONVERSIONS = (("640x360", 200), ("1920x1080", 30))
OUTPUTS = ("out", "out.mkv")
SLOPE = (("320x180", 100), ("320x180", 400), ("320x180", 1600))
TSEXPAND = (sys.executable, "-m", "tsexpand")


def bench(*arguments: str) -> dict[str, Any]:
    """Figures of a `tsexpand bench`, whose lines go to stderr."""
    done = subprocess.run(
        [*TSEXPAND, "bench", "--json", "-", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def clip_of(folder: Path, size: str, frames: int) -> Path:
    """A clip of that size."""
    path = folder / f"{size}_{frames}.mkv"
    if not path.exists():
        width, height = map(int, size.split("x"))
        make_clip(path, frames, width, height)
    return path


def conversions(folder: Path) -> list[dict[str, Any]]:
    """Stages alone and all at once, for each size and kind of output."""
    rows = []
    for size, frames in CONVERSIONS:
        for output in OUTPUTS:
            print(f"{frames} frames of {size} to {output}", file=sys.stderr, flush=True)
            figures = bench("--only", "conversion", "--", str(clip_of(folder, size, frames)), output)
            rows.append({"size": size, "frames": frames, "output": output, "stages": figures["conversion"]})
    return rows


def memory(folder: Path) -> list[dict[str, Any]]:
    """Peak memory of the real command, to EXR and HDR10 in one pass."""
    rows = []
    for size, frames in (*SLOPE, ("1920x1080", 30)):
        with tempfile.TemporaryDirectory(dir=folder) as out:
            outputs = (f"{out}/out.mkv", "--also", f"{out}/exr", "--quiet")
            command = [*TSEXPAND, "convert", str(clip_of(folder, size, frames)), *outputs]
            rows.append({"size": size, "frames": frames, "peak_mb": round(peak_megabytes(command), 1)})
        print(f"{frames:5} frames of {size}: peak {rows[-1]['peak_mb']:.0f} MB", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        networks = [bench("--only", "network", "--only", "precision", "--size", size) for size in NETWORK]
        start_up = bench("--only", "start-up", "--", str(clip_of(folder, "854x480", 5)), "out")
        commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        figures = {
            "commit": commit,
            "machine": networks[0]["machine"][0],
            "network": [row for figures in networks for row in figures["network"]],
            "precision": networks[0]["precision"],
            "start_up": start_up["start-up"],
            "conversions": conversions(folder),
            "memory": memory(folder),
        }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

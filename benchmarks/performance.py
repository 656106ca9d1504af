"""How fast and how large conversions are on this machine: what docs/performance.md tells, measured anew.

Runs `tsexpand bench` on frames and clips of the usual sizes, each in a process of its own, and the real command for its
peak memory. Nothing else should run meanwhile; takes twenty minutes to an hour
and a half on two cores.
Usage: performance.py [--json FILE] [--plot FILE]
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


def plot(figures: dict[str, Any], path: Path) -> None:
    """Rates of the network as bars, the time of each stage as bars, memory over length as a line."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    rows = [row for row in figures["network"] if (row["width"], row["height"]) == (1920, 1080)]
    names = [row["name"].replace(", ", ",\n") for row in rows]
    left.barh(names, [row["gigaflops"] for row in rows], color=["grey" if "product" in n else "C0" for n in names])
    left.invert_yaxis()
    left.set_title("useful GFLOP/s at 1920×1080")
    for index, row in enumerate(figures["conversions"]):
        stages = [stage for stage in row["stages"] if "seconds" in stage]
        offsets = [index + 0.2 * number for number in range(len(stages))]
        rates = [stage["frames"] / stage["seconds"] for stage in stages]
        middle.bar(offsets, rates, 0.2, color=[f"C{number}" for number in range(len(stages))])
    labels = [f"{row['size']}\n{'HDR10' if '.' in row['output'] else 'EXR'}" for row in figures["conversions"]]
    middle.set_xticks([index + 0.3 for index in range(len(labels))], labels)
    middle.set_yscale("log")
    middle.set_title("frames/s: decode, network, write alone; all at once")
    slope = [row for row in figures["memory"] if row["size"] == SLOPE[0][0]]
    right.plot([row["frames"] for row in slope], [row["peak_mb"] for row in slope], "o-")
    right.set_ylim(0, 1.2 * max(row["peak_mb"] for row in slope))
    right.set_title(f"peak memory in MB over frames of {SLOPE[0][0]}")
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
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
    if options.plot:
        plot(figures, options.plot)


if __name__ == "__main__":
    main()

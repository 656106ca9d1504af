"""How fast the video encoders are at each preset: what docs/performance.md tells of them.

Converts the first frames of a clip without a network and without denoising, so that the encoder has the machine almost
to itself, and takes the time that writing was busy. Usage: encoders.py CLIP [--frames 30] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from memory import ANALYTIC

PRESETS = {
    "hevc": ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"),
    "av1": ("12", "10", "8", "6"),
}


def measured(clip: str, codec: str, preset: str, frames: int) -> dict[str, Any]:
    """Frames a second, and megabits a second of the file."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mkv"
        arguments = [clip, str(output), "--frames", str(frames), "--codec", codec, "--preset", preset, "--no-denoise"]
        command = [sys.executable, "-c", ANALYTIC, "convert", *arguments, "--quiet", "--json"]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        seconds = report["busy_seconds"]["write"]
        return {
            "codec": codec,
            "preset": preset,
            "frames_per_second": round(report["frames"] / seconds, 2),
            "kilobytes_a_frame": round(output.stat().st_size / report["frames"] / 1000, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for codec, presets in PRESETS.items():
        for preset in presets:
            rows.append(measured(options.clip, codec, preset, options.frames))
            speed, size = rows[-1]["frames_per_second"], rows[-1]["kilobytes_a_frame"]
            print(f"{codec:5} {preset:10} {speed:7.2f} frames/s {size:8.1f} kB a frame", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"clip": Path(options.clip).name, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

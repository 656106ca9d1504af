"""What weights do to real footage, where no truth is known: mid-tones, black and colours must stay as they are.

Converts a few frames of each natural clip by the real command, beside the inverse EOTF, and measures in the mid-tones
(signal 0.05 to 0.6) the median light, the contrast (slope of log light) and the saturation against the BT.1886 picture;
how far black is lifted; and how bright highlights become. A sheet for each clip shows the SDR picture, the HDR light at
three exposures and what was changed. Usage:
natural.py [--weights NAME] [--shared ../shared] [--frames 3] [--json FILE] [--pictures FOLDER] [--precision bfloat16]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from memory import ANALYTIC
from torch import Tensor
from torch.nn.functional import interpolate

from tsexpand.cli.engine import DEFAULT_WEIGHTS
from tsexpand.codecs.exr import read_exr
from tsexpand.codecs.images import write_png

ROOT = Path(__file__).parent.parent
COLUMNS = ("stops", "contrast", "saturation", "black_lift", "rest_change", "brightest")
EXPOSURES = (0, -2, -4)
LUMINANCE = torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)


def convert(clip: Path, folder: Path, program: list[str], arguments: list[str]) -> Tensor:
    """Light of the first frames, (N, 3, H, W), 1 = reference white."""
    command = [sys.executable, *program, "convert", str(clip), str(folder), "--to", "exr", "--quiet", *arguments]
    subprocess.run(command, cwd=ROOT, check=True)
    return torch.stack([read_exr(path) for path in sorted(folder.rglob("*.exr"))])


def measures(light: Tensor, shown: Tensor) -> dict[str, float]:
    """Of light against the BT.1886 picture, both (N, 3, H, W)."""
    peak = shown.amax(1, keepdim=True)
    middle = (peak >= 0.05**2.4) & (peak <= 0.6**2.4)
    before, after = ((picture * LUMINANCE).sum(1, keepdim=True) for picture in (shown, light))
    usable = middle & (before > 1e-5) & (after > 1e-5)
    x, y = before[usable].log2(), after[usable].log2()
    slope = ((x - x.mean()) * (y - y.mean())).mean() / x.var().clamp_min(1e-9)
    colourful = usable & (1 - shown.amin(1, keepdim=True) / peak.clamp_min(1e-9) > 0.1)
    old, new = (1 - p.amin(1, keepdim=True) / p.amax(1, keepdim=True).clamp_min(1e-9) for p in (shown, light))
    lift = 203 * (light - shown).amax(1, keepdim=True)[peak < 1e-4]
    return {
        "stops": float((y - x).median()),
        "contrast": float(slope),
        "saturation": float((new[colourful] / old[colourful]).median()) if colourful.any() else float("nan"),
        "black_lift": float(lift[:: len(lift) // 10**6 + 1].quantile(0.99)) if len(lift) else float("nan"),
        "rest_change": float((y - x).abs().mean()),
        "brightest": float(203 * light.amax()),
    }


def sheet(light: Tensor, shown: Tensor) -> Tensor:
    """SDR; HDR at three exposures; change: red is brighter, blue darker, full at one stop. (3, H, 5·W), uint8."""
    pictures = [shown, *(light * 2.0**stops for stops in EXPOSURES)]
    signals = [picture.clamp(0, 1) ** (1 / 2.4) for picture in pictures]
    before, after = ((picture * LUMINANCE[0]).sum(0) for picture in (shown, light))
    change = ((after + 1e-3) / (before + 1e-3)).log2().clamp(-1, 1)
    signals.append(torch.stack([change.clamp_min(0), torch.zeros_like(change), -change.clamp_max(0)]))
    whole = torch.cat(signals, dim=2)
    small = interpolate(whole[None], scale_factor=min(1.0, 360 / whole.shape[1]), mode="area")[0]
    return (small * 255).round().byte()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    rows = {}
    print(f"{'':34}" + "".join(f"{column:>13}" for column in COLUMNS))
    for clip in sorted((options.shared / "video").glob("nat_*")):
        first = ["--frames", str(options.frames)]
        with tempfile.TemporaryDirectory() as folder:
            shown = convert(clip, Path(folder) / "sdr", ["-c", ANALYTIC], [*first, "--no-denoise"])
            network = ["--weights", options.weights, "--precision", options.precision]
            light = convert(clip, Path(folder) / "hdr", ["-m", "tsexpand"], first + network)
        rows[clip.stem] = measures(light, shown)
        print(f"{clip.stem:34}" + "".join(f"{rows[clip.stem][column]:13.4f}" for column in COLUMNS), flush=True)
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            write_png(
                options.pictures / f"{clip.stem}.png", sheet(*(frames[len(frames) // 2] for frames in (light, shown)))
            )
    if options.json:
        rows = {
            clip: {k: None if v != v else v for k, v in row.items()} for clip, row in rows.items()
        }  # JSON has no NaN
        options.json.write_text(json.dumps({"weights": options.weights, "clips": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""How much burned-in titles light up, whose white is white and not light that clipped.

Draws letters and shapes over the frames of a clip, and on grounds of their own, encodes that as 4:2:0 H.264, and
converts it by the real command. Printed of the pixels that a title's white covers: the mean of their channels (1 = SDR
reference white, which is what letters should have), its mean, 95th percentile and largest, and their tint, (largest −
smallest channel) / mean. White pages, boxes and squares (page, slide, square) could as well be skies, windows and
lamps: they are watched, not judged. Usage:
titles.py [--weights NAME ...] [--clip CLIP] [--frames 4] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import torch
from torch.nn.functional import max_pool2d

from tsexpand.codecs.exr import read_exr
from tsexpand.network.weights import shipped_weights
from tsexpand.sheet.canvas import BACKGROUND, Canvas

ROOT = Path(__file__).parent.parent
COLUMNS = ("mean", "p95", "largest", "tint")

Picture = np.ndarray
"""R′G′B′, (H, W, 3), or a cover, (H, W), in [0, 1]."""

Draw = Callable[[Picture], tuple[Picture, Picture]]
"""A frame to the same with titles, and where they are white."""


def written(size: tuple[int, ...], lines: list[tuple[float, float, float, str]], bold: bool = False) -> Picture:
    """Cover (H, W) of lines of text: the place of each (fractions, from above), its height (fraction) and text."""
    height, width = size[:2]
    canvas = Canvas(width, height)
    for x, y, share, text in lines:
        canvas.text(x * width, y * height, text, share * height, "white", bold, "center")
    darkest = int(BACKGROUND[1:3], 16)
    return (canvas.drawn()[0].float() - darkest).clamp_min(0).numpy() / (255 - darkest)


def outlined(cover: Picture) -> Picture:
    """Cover of what is 2 pixels around."""
    return max_pool2d(torch.from_numpy(cover)[None, None].float(), 5, 1, 2)[0, 0].numpy()


def laid(frame: Picture, cover: Picture, level: float) -> Picture:
    return frame * (1 - cover[..., None]) + level * cover[..., None]


def subtitles(frame: Picture) -> tuple[Picture, Picture]:
    lines = [(0.5, 0.89, 0.05, "— Did you hear what I heard?"), (0.5, 0.97, 0.05, "They said that it would never")]
    cover = written(frame.shape, lines, bold=True)
    return laid(laid(frame, outlined(cover), 0), cover, 1), cover


def logo(frame: Picture) -> tuple[Picture, Picture]:
    cover = written(frame.shape, [(0.88, 0.15, 0.09, "tv8")], bold=True)
    return laid(frame, cover, 1), cover


def credits(frame: Picture) -> tuple[Picture, Picture]:
    lines = [
        (0.5, 0.4, 0.17, "The End"),
        (0.5, 0.62, 0.05, "written and directed by"),
        (0.5, 0.72, 0.07, "Somebody Else"),
    ]
    cover = written(frame.shape, lines)
    return laid(np.zeros_like(frame), cover, 1), cover


def headline(frame: Picture) -> tuple[Picture, Picture]:
    cover = written(frame.shape, [(0.5, 0.5, 0.13, "Results of the year")], bold=True)
    return laid(np.full_like(frame, 0.4), cover, 1), cover


def page(frame: Picture) -> tuple[Picture, Picture]:
    lines = [(0.5, 0.1 + 0.08 * i, 0.043, "black letters on a white page, as documents have") for i in range(11)]
    ink = written(frame.shape, lines)
    return laid(np.ones_like(frame), ink, 0), 1 - ink


def slide(frame: Picture) -> tuple[Picture, Picture]:
    rows, columns = frame.shape[:2]
    cover = np.zeros((rows, columns))
    cover[rows // 4 : rows * 3 // 4, columns // 3 : columns * 2 // 3] = 1
    return laid(np.full_like(frame, 0.4), cover, 1), cover


def square(frame: Picture) -> tuple[Picture, Picture]:
    """48 pixels on black."""
    cover = np.zeros(frame.shape[:2])
    cover[100:148, 200:248] = 1
    return laid(np.zeros_like(frame), cover, 1), cover


CASES: dict[str, Draw] = {draw.__name__: draw for draw in (subtitles, logo, credits, headline, page, slide, square)}


def write(path: Path, frames: list[Picture]) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = context.color_range = 1  # BT.709, limited
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.round(255 * picture).astype(np.uint8), "rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode(None))


def measured(light: torch.Tensor, white: Picture) -> dict[str, float]:
    """Of light (N, 3, H, W) where a title is white."""
    seen = light.permute(0, 2, 3, 1)[:, torch.from_numpy(white > 0.99)].reshape(-1, 3)
    mean = seen.mean(1)
    return {
        "mean": float(mean.mean()),
        "p95": float(np.quantile(mean.numpy(), 0.95)),
        "largest": float(mean.max()),
        "tint": float(((seen.amax(1) - seen.amin(1)) / mean).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", nargs="+", default=sorted(shipped_weights()), help="by default all that ship")
    parser.add_argument("--clip", type=Path, default=ROOT / "docs" / "demo" / "clip.mp4")
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with av.open(options.clip) as container:
        frames = [f.to_ndarray(format="rgb24") / 255 for f in islice(container.decode(video=0), options.frames)]
    rows: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, whites = Path(name), {}
        for case, draw in CASES.items():
            drawn = [draw(frame) for frame in frames]
            whites[case] = drawn[0][1]
            write(folder / f"{case}.mp4", [picture for picture, _ in drawn])
        print(f"{'':28}{'':12}" + "".join(f"{column:>10}" for column in COLUMNS))
        for index, weights in enumerate(options.weights):
            output = folder / str(index)
            inputs = [str(folder / f"{case}.mp4") for case in CASES]
            names = ["--to", "exr", "--peak", "10000", "--quiet", "--weights", weights]
            subprocess.run(
                [sys.executable, "-m", "tsexpand", "convert", *inputs, str(output), *names], cwd=ROOT, check=True
            )
            rows[weights] = {}
            for case, white in whites.items():
                light = torch.stack([read_exr(path) for path in sorted((output / case).rglob("*.exr"))])
                rows[weights][case] = values = measured(light, white)
                print(f"{Path(weights).stem:28}{case:12}" + "".join(f"{values[c]:10.3f}" for c in COLUMNS), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

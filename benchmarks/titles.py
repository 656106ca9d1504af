"""How much titles, logos and slides light up, whose white is white and not light that clipped.

Draws letters and shapes over the frames of a clip, and on grounds of their own, encodes that as 4:2:0 H.264, and
converts it by the real command. Printed of the pixels that a title's white covers: their light (1 = SDR reference
white, which is what they should have), mean, 95th percentile and largest, and their tint, (largest − smallest channel)
/ mean.
Usage:
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
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tsexpand.codecs.exr import read_exr
from tsexpand.network.weights import shipped_weights

ROOT = Path(__file__).parent.parent
COLUMNS = ("mean", "p95", "largest", "tint")

Picture = np.ndarray
"""R′G′B′, (H, W, 3), or a cover, (H, W), in [0, 1]."""

Draw = Callable[[Picture], tuple[Picture, Picture]]
"""A frame to the same with titles, and where they are white."""


def canvas(size: tuple[int, int], draw: Callable[[Figure], None]) -> Picture:
    """Cover (H, W) of what is drawn in white."""
    figure = Figure(figsize=(size[1] / 100, size[0] / 100), dpi=100, facecolor="black")
    draw(figure)
    sheet = FigureCanvasAgg(figure)
    sheet.draw()
    return np.asarray(sheet.buffer_rgba())[: size[0], : size[1], 0] / 255


def written(
    size: tuple[int, int], lines: list[tuple[float, float, float, str]], weight: str, outline: float = 0
) -> Picture:
    """Cover of lines of text: each has its place (fractions, from below), height (fraction of the frame's) and text."""
    effects = [withStroke(linewidth=outline, foreground="white")] if outline else []

    def draw(figure: Figure) -> None:
        for x, y, height, text in lines:
            points = height * size[0] * 0.72
            figure.text(x, y, text, size=points, color="white", weight=weight, ha="center", path_effects=effects)

    return canvas(size, draw)


def laid(frame: Picture, cover: Picture, level: float) -> Picture:
    return frame * (1 - cover[..., None]) + level * cover[..., None]


def subtitles(frame: Picture) -> tuple[Picture, Picture]:
    lines = [(0.5, 0.05, 0.05, "They said that it would never"), (0.5, 0.11, 0.05, "— Did you hear what I heard?")]
    cover = written(frame.shape[:2], lines, "bold")
    around = written(frame.shape[:2], lines, "bold", outline=4)
    return laid(laid(frame, around, 0), cover, 1), cover


def logo(frame: Picture) -> tuple[Picture, Picture]:
    cover = written(frame.shape[:2], [(0.88, 0.86, 0.09, "tv8")], "bold")
    return laid(frame, cover, 1), cover


def credits(frame: Picture) -> tuple[Picture, Picture]:
    lines = [
        (0.5, 0.62, 0.18, "The End"),
        (0.5, 0.4, 0.05, "written and directed by"),
        (0.5, 0.3, 0.07, "Somebody Else"),
    ]
    cover = written(frame.shape[:2], lines, "normal")
    return laid(np.zeros_like(frame), cover, 1), cover


def slide(frame: Picture) -> tuple[Picture, Picture]:
    cover = written(frame.shape[:2], [(0.62, 0.6, 0.13, "Results")], "bold")
    rows, columns = (int(n) for n in frame.shape[:2])
    cover[rows // 4 : rows * 3 // 4, columns // 12 : columns // 3] = 1
    return laid(np.full_like(frame, 0.4), cover, 1), cover


def paper(frame: Picture) -> tuple[Picture, Picture]:
    lines = [(0.5, 0.9 - 0.08 * i, 0.05, "black letters on a white page, as documents have them") for i in range(10)]
    ink = written(frame.shape[:2], lines, "normal")
    return laid(np.ones_like(frame), ink, 0), 1 - ink


def square(frame: Picture) -> tuple[Picture, Picture]:
    """Without anything like a letter: 48 pixels on black."""
    cover = np.zeros(frame.shape[:2])
    cover[100:148, 200:248] = 1
    return laid(np.zeros_like(frame), cover, 1), cover


CASES: dict[str, Draw] = {draw.__name__: draw for draw in (subtitles, logo, credits, slide, paper, square)}


def write(path: Path, frames: list[Picture]) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": "18"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
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

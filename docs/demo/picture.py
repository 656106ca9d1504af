"""Makes a picture to look at, of the middle frame of a clip and its EXR sequence.

Top: the SDR clip, and the HDR light at the same exposure. Bottom: the HDR light 2 and 4 stops
darker, where what SDR had clipped can be seen. Usage: picture.py CLIP.mp4 EXR_FOLDER OUTPUT.png
"""

import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from tsexpand.codecs.exr import read_exr


def shown(light: np.ndarray, stops: float) -> np.ndarray:
    """8-bit picture (H, W, 3) of relative light on a BT.1886 display."""
    exposed = np.clip(light * 2.0**stops, 0, 1) ** (1 / 2.4)
    return np.round(exposed.transpose(1, 2, 0) * 255).astype(np.uint8)


def write_png(path: str, picture: np.ndarray) -> None:
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = picture.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1)
    packets = encoder.encode(av.VideoFrame.from_ndarray(picture, "rgb24")) + encoder.encode(None)
    Path(path).write_bytes(b"".join(bytes(packet) for packet in packets))


def main(clip: str, folder: str, output: str) -> None:
    pictures = sorted(Path(folder).glob("*.exr"))
    middle = len(pictures) // 2
    light = read_exr(pictures[middle]).numpy()
    with av.open(clip) as container:
        sdr = next(islice(container.decode(video=0), middle, None)).to_ndarray(format="rgb24")
    top = np.hstack([sdr, shown(light, 0)])
    bottom = np.hstack([shown(light, -2), shown(light, -4)])
    write_png(output, np.vstack([top, bottom]))


if __name__ == "__main__":
    main(*sys.argv[1:4])

"""Pictures that FFmpeg takes out of a clip show the light of the clip."""

import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.codecs.stills.files import gradient
from tsexpand.codecs.source import open_source
from tsexpand.colour.shown import shown_light

CODES = {"bt709": 1, "smpte170m": 6, "bt2020-10": 14}

ONE_CODE = 1.5 / 255
"""What rounding to 8 bits, and FFmpeg's own matrix, may be off, of the signal."""


def clip(path: Path, transfer: int, primaries: int = 1) -> Path:
    """Two pictures of R′G′B′, lossless, tagged."""
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=24, pix_fmt="bgr0")
        stream.width, stream.height = 24, 8
        context = stream.codec_context
        context.color_trc, context.color_primaries = transfer, primaries
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(np.hstack([gradient(), gradient()[::-1]]), "rgb24").reformat(
                format="bgr0"
            )
            frame.pts, frame.color_trc, frame.color_primaries = number, transfer, primaries
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def light(source: Path) -> Tensor:
    """(3, H, W) of the first picture, 1 = white."""
    with open_source(str(source)) as opened:
        batch = next(iter(opened.batches(1)))
    return shown_light(batch.planes, batch.signal, 1.0)[0]


def by_ffmpeg(source: Path, target: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    command = ["ffmpeg", "-v", "error", "-i", str(source), "-frames:v", "1", str(target)]
    subprocess.run(command, check=True)


def by_pyav(source: Path, target: Path) -> None:
    with av.open(source) as container:
        frame = next(container.decode(video=0))
    shown = frame.reformat(format="rgb24")
    context = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt, context.time_base = frame.width, frame.height, "rgb24", Fraction(1)
    for tagged in (shown, context):
        tagged.color_trc, tagged.color_primaries = frame.color_trc, frame.color_primaries
    target.write_bytes(b"".join(bytes(packet) for packet in [*context.encode(shown), *context.encode(None)]))


@pytest.mark.parametrize("transfer", CODES)
@pytest.mark.parametrize("make", [by_ffmpeg, by_pyav])
def test_a_picture_of_a_clip_has_its_light(tmp_path: Path, make: Callable[[Path, Path], None], transfer: str) -> None:
    source = clip(tmp_path / "a.mkv", CODES[transfer])
    make(source, tmp_path / "a.png")
    of_clip, of_picture = light(source), light(tmp_path / "a.png")
    assert torch.allclose(of_picture.pow(1 / 2.4), of_clip.pow(1 / 2.4), rtol=0, atol=ONE_CODE)
    assert (of_picture.mean() / of_clip.mean()).item() == pytest.approx(1, abs=0.01)


def test_a_clip_without_primaries(tmp_path: Path) -> None:
    """FFmpeg 8 states the one, and leaves the other open."""
    source = clip(tmp_path / "a.mkv", 1, primaries=2)
    by_pyav(source, tmp_path / "a.png")
    assert torch.allclose(light(tmp_path / "a.png"), light(source), rtol=0, atol=1e-4)

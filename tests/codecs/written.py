"""Small files from the real video writer, and the outside witnesses that read them."""

import json
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tsexpand.codecs.companions import Companions
from tsexpand.codecs.encoders import library_of
from tsexpand.codecs.mux import Container, EncoderOptions, VideoWriter
from tsexpand.colour.codes import ChromaSampling, Transfer
from tsexpand.colour.hdr10 import ContentLight, mastering_display
from tsexpand.colour.signal import HDR10, SignalFormat
from tsexpand.frames import Packets, Timing, VideoInfo

FAST = {"hevc": EncoderOptions("hevc", preset="ultrafast"), "av1": EncoderOptions("av1", preset="12")}

FILMS = (Container.MP4, Container.MOV, Container.MKV)
"""What holds static metadata and exact times of its own."""

INFO = VideoInfo(
    name="clip",
    container="test",
    codec="test",
    pixel_format="yuv420p",
    width=64,
    height=48,
    signal=HDR10,
    time_base=Fraction(1, 24),
    frame_rate=Fraction(2),
)
"""Two frames a second, so that a keyframe every two seconds is one every four frames."""

MEASURED = ContentLight(1234, 256)
ALONE = Companions()

Times = list[tuple[int, int]]
"""pts and duration of each picture."""


def steady(count: int, step: int = 12, start: int = 0) -> Times:
    """Evenly spaced pictures."""
    return [(start + i * step, step) for i in range(count)]


def moving_ramp(count: int, info: VideoInfo = INFO, codec: str = "hevc") -> tuple[Tensor, ...]:
    """Y′, Cb, Cr of a ramp that wanders, codes as the codec takes them."""
    height, width = info.height, info.width
    library = library_of(codec)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    luma = torch.stack([64 + (rows * 5 + columns * 7 + i * 20) % 800 for i in range(count)])
    chroma = torch.full((count, height, width), 512)
    if library.sampling is not ChromaSampling.FULL:
        chroma = chroma[:, :, ::2]
    if library.sampling is ChromaSampling.HALF_BOTH:
        chroma = chroma[:, ::2]
    finer = 1 << (library.bit_depth - 10)
    return tuple((plane * finer).to(torch.uint16) for plane in (luma, chroma, chroma + 20))


def write_video(
    path: Path,
    container: Container,
    codec: str = "hevc",
    times: Times | None = None,
    info: VideoInfo = INFO,
    signal: SignalFormat = HDR10,
    light: ContentLight | None = MEASURED,
    companions: Companions = ALONE,
    packets: Packets = (),
) -> tuple[str, ...]:
    """Writes a clip with the real writer, and returns its notices."""
    times = steady(5) if times is None else times
    mastering = mastering_display(1000) if signal.transfer is Transfer.PQ else None
    options, signal = FAST.get(codec, EncoderOptions(codec)), library_of(codec).delivered(signal)
    writer = VideoWriter(path, container, options, replace(info, signal=signal), signal, mastering, companions)
    try:
        timings = tuple(Timing(pts, info.time_base, duration) for pts, duration in times)
        writer.write(moving_ramp(len(times), info, codec), timings, packets)
        writer.finish(light)
    finally:
        writer.close()
    return writer.notices


def witness(*command: str) -> str:
    """What an outside tool says; skips the test where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def ffprobe(path: Path) -> dict[str, Any]:
    """Streams, frames, chapters and format, as ffprobe reads them."""
    sections = ("-show_streams", "-show_frames", "-show_format", "-show_chapters")
    answer: dict[str, Any] = json.loads(witness("ffprobe", "-v", "error", *sections, "-of", "json", str(path)))
    return answer


def side_data(holder: dict[str, Any], kind: str) -> dict[str, Any]:
    """Of a stream (what the container says) or a frame (what the bitstream says)."""
    found: list[dict[str, Any]] = [d for d in holder.get("side_data_list", []) if d["side_data_type"].startswith(kind)]
    assert len(found) == 1, f"{kind}: {holder.get('side_data_list')}"
    return found[0]

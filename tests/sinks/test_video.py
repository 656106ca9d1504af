"""Light in, code values out: what each kind of video file holds, against the Recommendations in float64."""

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.codecs.written import ALONE, INFO, ffprobe, side_data, witness
from tests.sinks.batches import light_batch, video_info
from tsexpand.codecs.encoders import LIBRARIES, EncoderOptions
from tsexpand.codecs.light_level import declared_metadata
from tsexpand.codecs.pixels import planes_from_frames
from tsexpand.colour.codes import Primaries
from tsexpand.colour.hdr10 import ContentLight, MasteringDisplay, mastering_display
from tsexpand.colour.mastering_notation import parse_mastering_display
from tsexpand.colour.signal import HDR10, HLG10, SignalFormat
from tsexpand.frames import LightBatch, Timing
from tsexpand.sinks.video import VideoSink

Codes = list[np.ndarray]
P3_1000 = mastering_display(1000)
SIZE = (256, 144)
CLIP = replace(INFO, width=SIZE[0], height=SIZE[1])


def coloured_light() -> Tensor:
    """(1, 3, H, W): smooth waves of every colour from black to 900 cd/m²."""
    y, x = torch.meshgrid(torch.linspace(0, 1, SIZE[1]), torch.linspace(0, 1, SIZE[0]), indexing="ij")
    waves = [0.5 + 0.5 * torch.sin(7 * x * f + 5 * y * g + f) for f, g in ((1, 2), (2, -1), (3, 1))]
    return (900 * torch.stack(waves) ** 3).unsqueeze(0)


def deliver(
    output: Path,
    codec: str,
    light: Tensor,
    signal: SignalFormat = HDR10,
    mastering: MasteringDisplay = P3_1000,
) -> None:
    batch = LightBatch(light, Primaries.BT2020, (Timing(0, CLIP.time_base, 12),), torch.zeros(1, 3, 32, 32))
    with VideoSink(output, CLIP, ALONE, EncoderOptions(codec), mastering, False, signal) as sink:
        sink.write(sink.prepare(batch))
        sink.finish()
        sink.commit()


def exact_codes(light: Tensor, bits: int, sampling: str) -> Codes:
    """Y′, Cb, Cr of BT.2100 PQ, unrounded, by its formulas; chroma co-sited, by [1 2 1] / 4."""
    y = light[0].double().numpy() / 10000
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    r, g, b = ((c1 + c2 * y**m1) / (1 + c3 * y**m1)) ** m2
    luma = 0.2627 * r + 0.6780 * g + 0.0593 * b
    chroma = [(b - luma) / 1.8814, (r - luma) / 1.4746]
    if sampling != "4:4:4":
        padded = [np.pad(c, ((0, 0), (1, 1)), "edge") for c in chroma]
        chroma = [(0.25 * p[:, :-2] + 0.5 * p[:, 1:-1] + 0.25 * p[:, 2:])[:, ::2] for p in padded]
    unit = 1 << (bits - 8)
    return [(16 + 219 * luma) * unit, *((128 + 224 * c) * unit for c in chroma)]


def read(path: Path) -> Codes:
    with av.open(str(path)) as source:
        return [plane[0].numpy().astype(float) for plane in planes_from_frames(list(source.decode(video=0)))]


def test_ffv1_holds_each_value_within_half_a_code_and_dither(tmp_path: Path) -> None:
    light = coloured_light()
    deliver(tmp_path / "out.mkv", "ffv1", light)
    for found, exact in zip(read(tmp_path / "out.mkv"), exact_codes(light, 12, "4:4:4"), strict=True):
        assert found.shape == exact.shape
        error = found - exact
        assert abs(error).max() < 1.05 and abs(error.mean()) < 0.02  # half to round, half dither, float32
        blocks = error.reshape(SIZE[1] // 8, 8, SIZE[0] // 8, 8).mean(axis=(1, 3))
        assert abs(blocks).max() < 0.15  # dither averages out


@pytest.mark.parametrize(("codec", "least"), [("prores", 58), ("prores_4444", 58), ("dnxhr", 58)])
def test_intermediates_are_close_to_the_exact_signal(tmp_path: Path, codec: str, least: float) -> None:
    light = coloured_light()
    deliver(tmp_path / "out.mov", codec, light)
    exact = exact_codes(light, 10, LIBRARIES[codec].sampling.value)
    for found, wanted in zip(read(tmp_path / "out.mov"), exact, strict=True):
        assert found.shape == wanted.shape
        codes = found / (4 if codec == "prores_4444" else 1)
        assert 10 * np.log10(1023**2 / np.mean((codes - wanted) ** 2)) > least
        assert abs((codes - wanted).mean()) < 0.1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "av1.mp4", "av1.mkv", "prores.mov", "dnxhr.mov", "ffv1.mkv"])
def test_the_mastering_display_goes_everywhere(tmp_path: Path, name: str) -> None:
    codec = {"a": "hevc"}.get(name.partition(".")[0], name.partition(".")[0])
    display = parse_mastering_display("G(.17,.797)B(.131,.046)R(.708,.292)WP(.3127,.329)L(2000,.05)", 1000)
    deliver(tmp_path / name, codec, coloured_light(), mastering=display)
    seen = ffprobe(tmp_path / name)
    holders = [seen["streams"][0], *(seen["frames"] if codec in ("hevc", "av1") else [])]
    for holder in holders:
        found = side_data(holder, "Mastering display")
        numbers = [float(Fraction(found[key])) for key in ("green_y", "blue_x", "red_x", "white_point_x")]
        assert numbers == pytest.approx([0.797, 0.131, 0.708, 0.3127], abs=2e-5)
        luminances = [float(Fraction(found[key])) for key in ("max_luminance", "min_luminance")]
        assert luminances == pytest.approx([2000, 0.05], rel=1e-3)
    report = witness("mediainfo", str(tmp_path / name))
    assert "min: 0.0500 cd/m2, max: 2000 cd/m2" in report and "color primaries        : BT.2020" in report


@pytest.mark.parametrize("codec", ["prores", "prores_4444", "dnxhr", "ffv1"])
def test_ffmpeg_reads_the_same(tmp_path: Path, codec: str) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = tmp_path / f"out.{LIBRARIES[codec].containers[0].name.lower()}"
    deliver(path, codec, coloured_light())
    raw = subprocess.check_output(["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-"])
    ours = np.concatenate([plane.ravel() for plane in read(path)])
    assert np.array_equal(np.frombuffer(raw, np.uint16), ours)


@pytest.mark.parametrize("codec", ["prores", "prores_4444", "dnxhr", "ffv1"])
@pytest.mark.parametrize("signal", [HDR10, HLG10], ids=["pq", "hlg"])
def test_black_stays_black_and_grey_neutral(tmp_path: Path, codec: str, signal: SignalFormat) -> None:
    light = torch.zeros(1, 3, SIZE[1], SIZE[0])
    light[..., SIZE[0] // 2 :] = 203
    path = tmp_path / f"out.{LIBRARIES[codec].containers[0].name.lower()}"
    deliver(path, codec, light, signal)
    luma, *chroma = read(path)
    unit = 1 << (10 if codec in ("prores", "dnxhr") else 12) - 8
    assert (luma[:, :64] == 16 * unit).all()
    # HLG of the reference white is 75 % (BT.2408), PQ 58 %.
    white = (luma[:, -64:].mean() / unit - 16) / 219
    assert white == pytest.approx(0.75 if signal is HLG10 else 0.5807, abs=0.001)
    assert all(abs(plane[:, :32] - 128 * unit).max() == 0 for plane in chroma)
    assert all(abs(plane - 128 * unit).max() <= unit / 4 for plane in chroma)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_light_levels_are_of_what_was_written(tmp_path: Path, name: str) -> None:
    """Not of what was prepared ahead when a run was interrupted and kept."""
    batches = [light_batch(level, [i], Primaries.BT2020) for i, level in enumerate((100.0, 300.0, 900.0))]
    options = EncoderOptions("hevc", preset="ultrafast")
    with VideoSink(tmp_path / name, video_info(), ALONE, options, P3_1000, overwrite=False) as sink:
        for prepared in [sink.prepare(batch) for batch in batches][:2]:
            sink.write(prepared)
        assert sink.content_light == ContentLight(300, 300)
        sink.finish(partial=True)
        (kept,) = sink.commit(partial=True)
    declared = declared_metadata(kept, "hevc")
    assert {*declared.container_levels, *declared.keyframe_levels} == {ContentLight(300, 300)}

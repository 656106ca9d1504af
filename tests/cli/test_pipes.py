"""Standard output as data, in a real shell."""

import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.codecs.input_clips import write_clip
from tests.conversions import video_codes
from tests.test_convert import TAGS, flat

PROGRAM = f"'{sys.executable}' -m tsexpand convert"
HEADER = "YUV4MPEG2 W66 H50 F25:1 Ip A1:1 C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED\n"
READ = "import sys, shutil; shutil.copyfileobj(sys.stdin.buffer, open(sys.argv[1], 'wb'))"


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    return subprocess.run([bash, "-c", script], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a clip of eight frames and sound, of an odd size."""
    pictures = [flat(60 + 20 * i, 120, 140, width=66, height=50) for i in range(8)]
    write_clip(tmp_path / "clip.mkv", pictures, tags=TAGS, audio_seconds=(0.3,))
    return tmp_path


def test_pictures_through_a_pipe_are_those_of_the_file(folder: Path) -> None:
    lossless = "--codec hevc --preset ultrafast --crf 0"
    done = shell(f"{PROGRAM} clip.mkv - | '{sys.executable}' -c \"{READ}\" out.y4m && "
                 f"{PROGRAM} clip.mkv out.mkv --also again.mkv {lossless}", folder)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "y4m carries pictures only: sound, subtitles and chapters are not written." in done.stderr
    with av.open(folder / "out.y4m") as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert (stream.width, stream.height, stream.pix_fmt) == (66, 50, "yuv420p10le")
        assert stream.average_rate == Fraction(25)
    assert len(frames) == 8
    for i, coded in enumerate(video_codes(folder / "out.mkv")):
        words = [np.frombuffer(frame.planes[i], np.uint16).reshape(frame.planes[i].height, -1) for frame in frames]
        piped = np.stack([plane[:, : coded.shape[2]] for plane in words])
        assert np.abs(piped.astype(int) - coded.astype(int)).max() <= 2  # x265's, at its finest


@pytest.mark.parametrize("reader", ["head -c 100 > part", "true"])
def test_a_reader_that_leaves_early_ends_it_quietly(folder: Path, reader: str) -> None:
    done = shell(f"{PROGRAM} clip.mkv - --quiet | {reader}; echo ${{PIPESTATUS[0]}}", folder)
    assert done.stdout.strip() == "141"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_a_line(folder: Path) -> None:
    done = shell(f"{PROGRAM} clip.mkv - --quiet > /dev/full", folder)
    assert done.returncode == 4
    assert done.stderr == "Error: standard output: disk full; make room or write elsewhere\n"


def test_both_ends_may_be_pipes(folder: Path) -> None:
    done = shell(f"cat clip.mkv | {PROGRAM} - - --quiet | wc -c", folder)
    frame = len("FRAME\n") + 2 * (66 * 50 + 2 * 33 * 25)
    assert int(done.stdout) == 8 * frame + len(
        "YUV4MPEG2 W66 H50 F25:1 Ip A1:1 C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED\n"
    )


def test_a_failure_is_told_beside_the_data(folder: Path) -> None:
    junk = {6: b"junk" * 50}
    write_clip(folder / "broken.avi", [flat(60 + 20 * i) for i in range(8)], "yuvj420p", "mjpeg", damage=junk)
    done = shell(f"{PROGRAM} broken.avi - --quiet | wc -c; echo ${{PIPESTATUS[0]}}", folder)
    assert done.stdout.split()[1] == "3"
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("clip.mkv clip.mkv -", "one input"),
        ("clip.mkv - --to mkv", "one input"),
        ("clip.mkv - --json", "--json needs standard output"),
        ("clip.mkv out.mkv --transfer hlg --peak 4000", "beyond what --transfer hlg can say"),
    ],
)
def test_what_standard_output_cannot_be(folder: Path, arguments: str, message: str) -> None:
    done = shell(f"{PROGRAM} {arguments}", folder)
    assert done.returncode == 2 and message in done.stderr


def test_hlg_white_is_where_the_standard_puts_it(tmp_path: Path) -> None:
    """BT.2408: reference white at 75 % of HLG."""
    write_clip(tmp_path / "white.mkv", [flat(235)] * 3, tags=TAGS)
    done = shell(f"{PROGRAM} white.mkv out.mkv --transfer hlg --crf 0 --preset ultrafast --frames 3", tmp_path)
    assert done.returncode == 0, done.stderr
    luma = torch.from_numpy(video_codes(tmp_path / "out.mkv")[0].astype(np.int32)).float()
    assert abs(float(luma.mean()) - (64 + 0.75 * 876)) < 40  # the network may lift white
    with av.open(tmp_path / "out.mkv") as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (9, 18, 9)

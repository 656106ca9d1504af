"""Standard output as data, in a real shell."""

import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tests.codecs.written import ffprobe, side_data
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
        assert np.abs(piped.astype(int) - coded.astype(int)).max() <= 3  # x265's, at its finest


@pytest.mark.parametrize(
    ("to", "reader"), [("y4m", "head -c 100 > part"), ("y4m", "true"), ("nut", "head -c 9 > part")]
)
def test_a_reader_that_leaves_early_ends_it_quietly(folder: Path, to: str, reader: str) -> None:
    done = shell(f"{PROGRAM} clip.mkv - --to {to} --quiet | {reader}; echo ${{PIPESTATUS[0]}}", folder)
    assert done.stdout.strip() == "141"
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("to", ["y4m", "mkv"])
def test_a_full_disk_is_told_in_a_line(folder: Path, to: str) -> None:
    done = shell(f"{PROGRAM} clip.mkv - --to {to} --quiet > /dev/full", folder)
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
        ("clip.mkv - --to mp4", "--to mp4 can't go through a pipe"),
        ("clip.mkv out --to nut", "--to nut is for standard output"),
        ("clip.mkv /dev/stdout --json", "--json needs standard output"),
        ("clip.mkv out.mkv --format rawvideo --size 66x50", "are all needed"),
        ("clip.mkv out.mkv --format nosuch", "nosuch is no format"),
        ("clip.mkv out.mkv --format rawvideo --size 66by50", "is not a size"),
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


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")


ALL = "--preset ultrafast --compile never --quiet"
FEW = f"--frames 3 {ALL}"


@pytest.mark.parametrize("to", ["mkv", "nut"])
def test_ffmpeg_at_both_ends(folder: Path, to: str) -> None:
    needs("ffmpeg", "ffprobe")
    done = shell(
        f"set -o pipefail; ffmpeg -v error -i clip.mkv -c copy -f nut - | {PROGRAM} - - --to {to} {FEW} | "
        "ffprobe -v error -count_frames -show_entries stream=codec_name,nb_read_frames -of csv=p=0 -",
        folder,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.rstrip(",") for line in done.stdout.split()]
    assert lines[0] == ("rawvideo,3" if to == "nut" else "hevc,3")
    assert any(line.startswith("pcm_s16le") for line in lines)


def test_from_ffmpeg_to_x265(folder: Path) -> None:
    """The command of the documentation, with ST 2086 and the light levels that we told."""
    needs("ffmpeg", "x265", "ffprobe")
    write_clip(folder / "clip.mkv", [flat(60 + 20 * i, width=96, height=80) for i in range(3)], tags=TAGS)
    done = shell(f"{PROGRAM} clip.mkv /dev/null --frames 3 --compile never", folder)
    told = re.search(r"MaxCLL (\d+) cd/m², MaxFALL (\d+) cd/m²", done.stderr)
    assert told is not None
    done = shell(
        f"set -o pipefail; ffmpeg -v error -i clip.mkv -f yuv4mpegpipe - | {PROGRAM} - - {FEW} | "
        "x265 --log-level error --y4m --input - -o out.hevc --output-depth 10 --preset ultrafast --colorprim bt2020 "
        "--transfer smpte2084 --colormatrix bt2020nc --range limited --chromaloc 2 --hdr10 --repeat-headers "
        '--master-display "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)" '
        f"--max-cll {told[1]},{told[2]}",
        folder,
    )
    assert done.returncode == 0, done.stderr
    frames = ffprobe(folder / "out.hevc")["frames"]
    assert len(frames) == 3 and frames[0]["pix_fmt"] == "yuv420p10le" and frames[0]["color_transfer"] == "smpte2084"
    assert side_data(frames[0], "Content light")["max_content"] == int(told[1])
    assert side_data(frames[0], "Mastering")["max_luminance"] == "10000000/10000"


def test_raw_pictures_on_standard_input(folder: Path) -> None:
    needs("ffmpeg")
    said = "--format rawvideo --size 66x50 --pixel-format gbrp10le --frame-rate 23.976"
    done = shell(
        f"set -o pipefail; ffmpeg -v error -i clip.mkv -f rawvideo -pix_fmt gbrp10le - | {PROGRAM} - - {said} {FEW}"
        " | head -n 1",
        folder,
    )
    assert done.stdout.strip() == HEADER.strip().replace("F25:1", "F24000:1001")


@pytest.mark.parametrize("name", ["live.mkv", "live.y4m"])
def test_a_producer_that_dies_is_told(folder: Path, name: str) -> None:
    pictures = [random_planes("yuv420p", 66, 50, seed) for seed in range(12)]
    codec, live = ("ffv1", {"live": "1"}) if name == "live.mkv" else ("wrapped_avframe", {})
    write_clip(folder / name, pictures, codec=codec, container=live)
    half = (folder / name).stat().st_size * 6 // 10
    done = shell(
        f"set -o pipefail; (head -c {half} {name}; kill -9 $BASHPID) | {PROGRAM} - out.mkv {ALL}"
        "; echo ${PIPESTATUS[@]}",
        folder,
    )
    assert done.stdout.split() == ["137", "3"], done.stderr
    assert re.fullmatch(r"Error: -: (cut off|undecodable) at .*\n", done.stderr), done.stderr
    assert not list(folder.glob("out.mkv*"))


def test_process_substitution_and_numbered_descriptors(folder: Path) -> None:
    done = shell(
        f"{PROGRAM} clip.mkv >(cat > a.y4m) {FEW} && {PROGRAM} clip.mkv /dev/fd/3 {FEW} 3> b.y4m && "
        f"{PROGRAM} clip.mkv /dev/stdout {FEW} > c.y4m && {PROGRAM} clip.mkv /dev/null --overwrite {FEW}; "
        "echo $?; while [ $(stat -c %s a.y4m) != $(stat -c %s b.y4m) ]; do sleep 0.1; done",
        folder,
    )
    assert done.stdout.strip() == "0" and done.stderr == ""
    contents = [(folder / name).read_bytes() for name in ("a.y4m", "b.y4m", "c.y4m")]
    assert contents[0] == contents[1] == contents[2] and contents[0].startswith(HEADER.encode())
    assert Path("/dev/null").is_char_device()


def test_what_a_library_prints_does_not_get_among_the_data(folder: Path) -> None:
    code = (  # as one of C's would
        "import os; from pathlib import Path; from tsexpand.sinks.byte_stream import ByteStream\n"
        "stream = ByteStream(Path('-')); stream.open(); os.write(1, b'chatter'); stream.write(b'data')\n"
        "stream.close(); print(' and ours again')"
    )
    done = shell(f"'{sys.executable}' -c \"{code}\" | cat", folder)
    assert (done.stdout, done.stderr) == ("data and ours again\n", "chatter")

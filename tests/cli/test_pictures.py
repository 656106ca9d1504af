"""Pictures through the real command."""

import json
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import pytest
from click.testing import CliRunner

from tests.codecs.stills.files import encoded, gradient, with_orientation, write
from tests.conversions import exr_light, seconds
from tsexpand.cli import cli
from tsexpand.cli.jobs import Job, plan_jobs
from tsexpand.codecs.exr import read_exr
from tsexpand.errors import TsexpandError


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str) -> Done:
    """The command, in this process, which has everything loaded."""
    with chdir(folder):
        result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if result.exception is None:
        return Done(result.return_value, result.stdout, result.stderr)
    if not isinstance(result.exception, (TsexpandError, click.ClickException)):
        raise result.exception
    return Done(result.exception.exit_code, result.stdout, f"{result.stderr}Error: {result.exception}")


def convert(folder: Path, *arguments: str) -> Done:
    return run(folder, "convert", "--compile", "never", *arguments)


def shell(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as its users run it."""
    command = [sys.executable, "-m", "tsexpand", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photographer's: sizes and kinds mixed, one cut off, one of ink, and what is no picture."""
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "IMG_10.jpg")
    write(folder / "IMG_9.png", gradient(21, 13))
    (folder / "turned.jpg").write_bytes(with_orientation(encoded(gradient(16, 10), "jpg"), "jpg", 6))
    (folder / "cut.png").write_bytes(encoded(gradient())[:-30])
    (folder / "notes.txt").write_text("hello")
    (folder / ".DS_Store").touch()
    return folder


def test_a_folder_of_pictures(folder: Path) -> None:
    done = shell(folder.parent, "convert", "in", "out", "--json", "--compile", "never")
    assert done.returncode == 3
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert [report["input"] for report in reports] == ["in/IMG_9.png", "in/IMG_10.jpg", "in/cut.png", "in/turned.jpg"]
    assert [report.get("exit_code") for report in reports] == [None, None, 3, None]
    assert "in: 1 that are no pictures are left out: notes.txt" in done.stderr
    assert (
        "Error: in/cut.png: cut off" in done.stderr
        and "1 of 4 inputs failed:" in done.stderr
        and done.stderr.count("in/cut.png: cut off") == 2
    )
    assert sorted(p.name for p in (folder.parent / "out").iterdir()) == ["IMG_10.exr", "IMG_9.exr", "turned.exr"]
    assert read_exr(folder.parent / "out/turned.exr").shape == (3, 16, 10)
    assert read_exr(folder.parent / "out/IMG_9.exr").shape == (3, 13, 21)
    assert "no pictures" not in convert(folder.parent, "in", "out", "--quiet").stderr


def test_one_pass_and_several_files(folder: Path) -> None:
    done = convert(folder, "IMG_9.png", "a.exr", "--also", "a.hdr", "--also", "a.png", "--also", "a.avif")
    assert done.returncode == 0, done.stderr
    assert "MaxCLL" in done.stderr
    assert all((folder / f"a.{form}").stat().st_size for form in ("exr", "hdr", "png", "avif"))


def test_to_a_folder_by_its_own_name(folder: Path) -> None:
    assert convert(folder, "IMG_9.png", "out").returncode == 0
    assert convert(folder, "IMG_9.png", "IMG_10.jpg", "out", "--to", "png").returncode == 0
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["IMG_10.png", "IMG_9.exr", "IMG_9.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["IMG_9.png", "a.mp4"], 4, "a.mp4: a picture is no video; name it .exr, .hdr, .png or .avif, or give --frame"),
        (["IMG_9.png", "-"], 4, "a picture is no video"),
        (["IMG_9.png", "IMG_9.png", "--overwrite"], 4, "IMG_9.png: is an input"),
        (["IMG_9.png", "a.jpg"], 4, ".jpg is not written"),
        (["IMG_9.png", "IMG_10.jpg", "a.exr"], 2, "need a folder"),
        ([".", "a.mp4"], 2, "--frame-rate makes a folder of pictures a clip"),
        (["IMG_9.png", "IMG_10.jpg", "a.mp4", "--frame-rate", "24"], 2, "--frame-rate goes with one input"),
        (["IMG_%d.png", "a.png"], 4, "holds one picture"),
        (["missing.png", "a.exr"], 3, "missing.png"),
    ],
)
def test_what_is_refused_is_refused_in_a_line(folder: Path, arguments: list[str], code: int, message: str) -> None:
    write(folder / "IMG_10.png", gradient(21, 13))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = convert(folder, *arguments)
    assert done.returncode == code and message in done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """Five pictures in which white walks to the right."""
    (tmp_path / "seq").mkdir()
    for number in range(8, 13):
        pixels = np.full((48, 64, 3), 60, np.uint8)
        pixels[:, 4 * number : 4 * number + 8] = 200
        write(tmp_path / f"seq/shot.{number:04}.png", pixels)
    return tmp_path


@pytest.mark.parametrize("source", ["seq", "seq/shot.%04d.png"])
def test_a_sequence_is_a_clip(sequence: Path, source: str) -> None:
    fast = ["--preset", "ultrafast", "--no-denoise"]
    done = convert(sequence, source, "exr", "--also", "a.mp4", "--frame-rate", "23.976", *fast)
    assert done.returncode == 0, done.stderr
    stem = "seq" if source == "seq" else "shot"
    assert sorted(p.name for p in (sequence / "exr").iterdir()) == [f"{stem}.{i:06}.exr" for i in range(8, 13)]
    assert [t * 24000 / 1001 for t in seconds(sequence / "a.mp4")] == list(range(5))
    brightest = exr_light(sequence / "exr")[:, 1].mean(dim=1).argmax(dim=1)
    assert [int(b) // 4 - int(brightest[0]) // 4 for b in brightest] == pytest.approx([0, 1, 2, 3, 4], abs=1)
    with av.open(str(sequence / "a.mp4")) as container:
        assert container.streams.video[0].average_rate == pytest.approx(24000 / 1001)


def test_numbers_are_those_of_the_source_so_that_a_plate_lines_up(sequence: Path) -> None:
    for number in range(12, 7, -1):
        (sequence / f"seq/shot.{number:04}.png").rename(sequence / f"seq/shot.{number + 993}.png")
    later = ("--frame-rate", "24", "--no-denoise", "--start", "0.05")  # between the second and the third
    done = convert(sequence, "seq/shot.%04d.png", "out", "--frames", "2", *later)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (sequence / "out").iterdir()) == ["shot.001003.exr", "shot.001004.exr"]
    assert convert(sequence, "seq/shot.%04d.png", "out", "--overwrite", *later).returncode == 0
    assert sorted(p.name for p in (sequence / "out").iterdir()) == [f"shot.00100{i}.exr" for i in (3, 4, 5)]
    assert run(sequence, "verify", "out").returncode == 0


def test_pictures_that_look_like_a_sequence_are_stills_and_it_is_told_once(sequence: Path) -> None:
    done = convert(sequence, "seq", "out")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (sequence / "out").iterdir()) == [f"shot.{i:04}.exr" for i in range(8, 13)]
    told = "seq: shot.0008.png to shot.0012.png look like one sequence; --frame-rate makes them a clip"
    assert done.stderr.count(told) == 1
    assert "one sequence" not in convert(sequence, "seq", "out", "--overwrite", "--quiet").stderr
    (sequence / "seq/shot.0010.png").unlink()
    assert "one sequence" not in convert(sequence, "seq", "out", "--overwrite").stderr


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["a.hdr", "--codec", "prores"], ["--codec has no say here: it is for video and AVIF"]),
        (["a.png", "--crf", "12"], ["--crf has no say here: it is for video and AVIF"]),
        (
            ["a.exr", "--mastering-display", "bt2020", "--transfer", "pq"],
            ["--transfer has no", "--mastering-display has no"],
        ),
        (
            ["a.hdr", "--compression", "zip", "--exr-primaries", "p3"],
            ["--compression has no", "--exr-primaries has no"],
        ),
        (["a.avif", "--crf", "12", "--transfer", "pq"], []),
        (["a.png", "--also", "b.exr", "--transfer", "hlg", "--compression", "zip"], []),
        (["a.png", "--crf", "12", "--quiet"], []),
    ],
)
def test_options_without_a_say_are_told_of(folder: Path, arguments: list[str], unused: list[str]) -> None:
    done = convert(folder, "IMG_9.png", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("has no say here") == len(unused)
    assert all(line in done.stderr for line in unused)


def test_a_gap_is_named(sequence: Path) -> None:
    (sequence / "seq/shot.0010.png").unlink()
    done = convert(sequence, "seq", "a.mp4", "--frame-rate", "24")
    assert done.returncode == 3
    assert "Error: seq: of the numbers 8 to 12 1 missing: 10" in done.stderr


def test_a_sequence_among_outputs(sequence: Path) -> None:
    arguments = ("seq/shot.%04d.png", "out", "--to", "mkv", "--frame-rate", "24", "--frames", "1")
    assert convert(sequence, *arguments).returncode == 0
    assert [p.name for p in (sequence / "out").iterdir()] == ["shot.mkv"]


def test_probe_tells_of_a_picture(folder: Path) -> None:
    done = run(folder, "probe", "turned.jpg")
    lines = done.stdout.splitlines()
    assert "mjpeg in image2, 16x10 yuvj444p, a picture" in lines[1]
    assert "transfer SRGB, primaries BT709" in lines[2]
    assert any("exr      10x16 upright half RGB" in line for line in lines)
    assert not any("HEVC" in line for line in lines)


def test_evaluate_shows_a_picture_as_it_is_converted(folder: Path) -> None:
    """With sRGB's curve, not BT.1886."""
    assert convert(folder, "IMG_9.png", "a.exr").returncode == 0
    done = run(folder, "evaluate", "a.exr", "--source", "IMG_9.png", "--json", "m.json")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("inputs", "output", "to", "rate", "jobs"),
    [
        (("IMG_9.png",), "o", None, None, [Job("IMG_9.png", (Path("o/IMG_9.exr"),), Path("o"))]),
        (("IMG_9.png",), "o.hdr", None, None, [Job("IMG_9.png", (Path("o.hdr"),))]),
        (("IMG_9.png",), "o", None, 24, [Job("IMG_9.png", (Path("o"),))]),
        (("IMG_9.png",), "o", "avif", None, [Job("IMG_9.png", (Path("o/IMG_9.avif"),), Path("o"))]),
        (("IMG_9.png", "a.mp4"), "o", None, None, [
            Job("IMG_9.png", (Path("o/IMG_9.exr"),), Path("o")), Job("a.mp4", (Path("o/a"),), Path("o"))
        ]),
    ],
)  # fmt: skip
def test_where_pictures_go(
    folder: Path, monkeypatch: pytest.MonkeyPatch, inputs: tuple[str, ...], output: str, to: str, rate: Any, jobs: list
) -> None:
    monkeypatch.chdir(folder)
    assert plan_jobs(inputs, Path(output), to, (), rate) == jobs


def test_two_pictures_of_one_name_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    write(folder / "IMG_9.tif")
    with pytest.raises(click.UsageError, match=r"several inputs would be written to out/IMG_9\.exr"):
        plan_jobs(("IMG_9.png", "IMG_9.tif"), Path("out"), "exr", ())

"""`tsexpand frame`, as it is used."""

import importlib.util
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from click.testing import CliRunner, Result

from tests.codecs.input_clips import grey_ramp, write_clip
from tsexpand.cli.convert import convert_command
from tsexpand.cli.frame import SHARED, frame_command, own_name
from tsexpand.codecs.exr import read_exr
from tsexpand.colour.transfer import bt1886_inverse_eotf
from tsexpand.errors import InputError, OutputError, TsexpandError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_clip(tmp_path / "clip.mkv", grey_ramp(6, 480, 270))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, command: object = frame_command) -> Result:
    return CliRunner().invoke(command, arguments)  # type: ignore[arg-type]


def test_a_frame_of_convert_is_on_the_sheet(folder: Path) -> None:
    result = run("clip.mkv", "--at", "0.12", "--no-denoise")
    assert result.exit_code == 0, result.exception
    assert result.stdout == "clip_00-00-00.120.png\n"
    with av.open("clip_00-00-00.120.png") as container:
        sheet = torch.from_numpy(next(container.decode(video=0)).to_ndarray(format="rgb24")).permute(2, 0, 1)
    converted = run("clip.mkv", "out", "--start", "0.12", "--frames", "1", "--no-denoise", command=convert_command)
    assert converted.exit_code == 0, converted.exception
    light = read_exr(folder / "out" / "clip.000001.exr")
    expected = (bt1886_inverse_eotf(light.clamp(0, 1)) * 255).round().int()
    assert any(
        (sheet[:, top : top + 270, left : left + 480].int() - expected).abs().max() <= 1
        for top in range(sheet.shape[1] - 271, sheet.shape[1] - 270 - 60, -1)
        for left in range(5, 40)
    )


def test_what_was_there_stays_without_overwrite(folder: Path) -> None:
    (folder / "look.png").write_bytes(b"mine")
    assert isinstance(run("clip.mkv", "-o", "look.png").exception, OutputError)
    assert run("clip.mkv", "-o", "clip.mkv", "--overwrite").exit_code == 2  # a sheet is a PNG
    assert (folder / "look.png").read_bytes() == b"mine"
    assert run("clip.mkv", "-o", "look.png", "--overwrite").exit_code == 0
    assert (folder / "look.png").read_bytes().startswith(b"\x89PNG")


def test_beyond_the_end_nothing_is_written(folder: Path) -> None:
    error = run("clip.mkv", "--at", "7").exception
    assert isinstance(error, InputError) and "it is 00:00:00.240 long" in str(error)
    assert [path.name for path in folder.iterdir()] == ["clip.mkv"]


def test_a_missing_matplotlib_is_told_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    error = run("clip.mkv").exception
    assert isinstance(error, TsexpandError)
    assert str(error).endswith("pip install 'tsexpand[plots]'")


def test_options_are_those_of_convert() -> None:
    assert set(SHARED) <= {option.name for option in convert_command.params}
    assert own_name("a/b.c.mp4", Fraction(3723)) == "b.c_01-02-03.000.png"
    assert own_name("a/shot.%04d.png", Fraction(1)) == "shot_00-00-01.000.png"  # which names one file, not many

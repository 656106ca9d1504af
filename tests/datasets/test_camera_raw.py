import builtins
import errno
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.datasets.tiny_dng import grey, write_dng
from tsexpand.codecs.exr import read_exr
from tsexpand.datasets import pictures
from tsexpand.datasets.camera_raw import develop_folder, find_raws
from tsexpand.datasets.dng import baseline_exposure
from tsexpand.errors import InputError, OutputError, TsexpandError


def developed(tmp_path: Path, half_size: bool = False, stops: float | None = None) -> torch.Tensor:
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    write_dng(tmp_path / "in" / "a.dng", grey(0.25), stops)
    develop_folder(tmp_path / "in", tmp_path / "out", half_size)
    return read_exr(tmp_path / "out" / "a.exr")


@pytest.mark.parametrize(("stops", "scale"), [(None, 1.0), (1.0, 2.0), (-1.0, 0.5)])
def test_light_is_linear_neutral_and_1_where_the_sensor_clips(
    tmp_path: Path, stops: float | None, scale: float
) -> None:
    light = developed(tmp_path, stops=stops)
    assert light.shape == (3, 32, 32)
    assert light[:, 4:-4, 4:12].flatten().tolist() == pytest.approx([0.25 * scale] * 3 * 24 * 8, rel=0.005)
    assert light[:, 4:-4, -8:-4].flatten().tolist() == pytest.approx([scale] * 3 * 24 * 4, rel=0.005)


def test_a_dark_picture_is_not_brightened(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    write_dng(tmp_path / "in" / "a.dng", np.tile(grey(0.2)[:, :16], 2))  # its maximum is 0.2 of white
    develop_folder(tmp_path / "in", tmp_path / "out", half_size=True)
    assert float(read_exr(tmp_path / "out" / "a.exr").max()) == pytest.approx(0.2, rel=0.01)


def test_half_size(tmp_path: Path) -> None:
    assert developed(tmp_path, half_size=True).shape == (3, 16, 16)


def test_one_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    whole = write_dng(tmp_path / "b.dng", grey(0.1)).read_bytes()
    (tmp_path / "a.dng").write_bytes(b"nothing")
    (tmp_path / "c.dng").write_bytes(whole[:1000])
    seen: list[str] = []
    report = develop_folder(tmp_path, tmp_path / "out", on_raw=lambda name, state: seen.append(name))
    assert (report.written, seen) == (["b"], ["a", "b", "c"])
    assert list(report.failed) == [str(tmp_path / "a.dng"), str(tmp_path / "c.dng")]
    assert "not a readable camera raw (" in report.failed[str(tmp_path / "a.dng")]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.exr"]


def test_pictures_that_exist_are_kept_unless_told(tmp_path: Path) -> None:
    developed(tmp_path)
    (tmp_path / "out" / "a.exr").write_bytes(b"mine")
    assert develop_folder(tmp_path / "in", tmp_path / "out").kept == ["a"]
    assert (tmp_path / "out" / "a.exr").read_bytes() == b"mine"
    assert develop_folder(tmp_path / "in", tmp_path / "out", overwrite=True).written == ["a"]


def test_bursts_are_named_by_their_folders(tmp_path: Path) -> None:
    for name in ("x/0006_2016/merged.dng", "x/33TJ_2015/merged.dng", "y/IMG_1.NEF", "merged.dng", "y/final.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(find_raws(tmp_path)) == ["merged", "x_0006_2016", "x_33TJ_2015", "y_IMG_1"]
    (tmp_path / "merged.cr2").touch()
    with pytest.raises(InputError, match=r"merged\.dng: would be written as merged\.exr like .*merged\.cr2"):
        find_raws(tmp_path)


def test_a_folder_without_raws(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no camera raws"):
        find_raws(tmp_path)


def test_without_rawpy_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: object) -> object:
        if name == "rawpy":
            raise ImportError(name)
        return real(name, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TsexpandError, match="pip install rawpy"):
        develop_folder(tmp_path, tmp_path / "out")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *arguments: object) -> None:
        path.write_bytes(b"half")
        raise OutputError(f"{path}: disk full")

    monkeypatch.setattr(pictures, "write_exr", full)
    with pytest.raises(OutputError, match="disk full"):
        developed(tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_refused_name_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, target: Path) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OutputError, match="read-only"):
        developed(tmp_path)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("cut", [0, 3, 6, 9, 40, 260, 400])
def test_baseline_exposure_of_a_damaged_file_is_none(tmp_path: Path, cut: int) -> None:
    path = write_dng(tmp_path / "a.dng", grey(0.1), stops=1.5)
    assert baseline_exposure(path) == pytest.approx(1.5)
    path.write_bytes(path.read_bytes()[:cut])
    assert baseline_exposure(path) in (0.0, 1.5)


def test_baseline_exposure_is_not_believed_beyond_reason(tmp_path: Path) -> None:
    assert baseline_exposure(write_dng(tmp_path / "a.dng", grey(0.1), stops=1000)) == 0.0
    assert baseline_exposure(write_dng(tmp_path / "b.dng", grey(0.1))) == 0.0

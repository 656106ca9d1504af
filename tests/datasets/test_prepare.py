import csv
import json
import math
import os
from pathlib import Path

import pytest
import torch

from tests.datasets.conftest import save, scene
from tsexpand.codecs.exr import read_exr
from tsexpand.datasets import facts
from tsexpand.datasets.prepare import find_pictures, prepare
from tsexpand.errors import InputError, OutputError
from tsexpand.scenes.families import family, is_validation

NAMES = ("courtyard", "lebombo", "quarry_01", "quarry_02_puresky")  # quarry is for validation, at 0.1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        save(tmp_path / "in" / f"{name}.exr", scene(seed))
    return tmp_path / "in"


def written(output: Path) -> list[str]:
    return sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())


def test_a_set_is_made(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "photographs" / "IMG_1.exr", scene(9, width=40, height=60))
    report = prepare([folder, tmp_path / "photographs"], tmp_path / "set", width=32)
    assert written(tmp_path / "set") == [
        "SOURCES.csv",
        "report.json",
        "train/IMG_1.exr",
        "train/courtyard.exr",
        "train/lebombo.exr",
        "val/quarry_01.exr",
        "val/quarry_02_puresky.exr",
    ]
    assert read_exr(tmp_path / "set" / "val" / "quarry_01.exr").shape == (3, 16, 32)
    assert [scene.facts.panorama for scene in report.scenes] == [False, True, True, True, True]
    assert json.loads((tmp_path / "set" / "report.json").read_text()) == json.loads(json.dumps(report.values()))
    assert report.strangers == [] and report.failed == {}


def test_families_never_straddle_the_split(tmp_path: Path) -> None:
    names = [f"{place}_{number}" for place in "abcdefghij" for number in ("", "01", "02_puresky")]
    for name in names:
        save(tmp_path / "in" / f"{name}.exr", scene())
    report = prepare([tmp_path / "in"], tmp_path / "set", val_share=0.5)
    sides: dict[str, set[str]] = {}
    for one in report.scenes:
        sides.setdefault(one.family, set()).add(one.side)
    assert all(len(side) == 1 for side in sides.values())
    assert {"train", "val"} == set().union(*sides.values())
    assert all((one.side == "val") == is_validation(family(one.family), 0.5) for one in report.scenes)


def test_what_is_done_is_kept_and_what_has_changed_is_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare([folder], tmp_path / "set", width=32)
    save(folder / "lebombo.exr", scene(7))
    os.utime(folder / "lebombo.exr", ns=(1, 1))
    (tmp_path / "set" / "train" / "courtyard.exr").write_bytes(b"damaged")
    second = prepare([folder], tmp_path / "set", width=32)
    assert [scene.kept for scene in first.scenes] == [False] * 4
    assert [scene.kept for scene in second.scenes] == [False, False, True, True]
    assert second.scenes[2].facts == first.scenes[2].facts
    assert not any(scene.kept for scene in prepare([folder], tmp_path / "set", width=16).scenes)


def test_another_share_moves_scenes(folder: Path, tmp_path: Path) -> None:
    prepare([folder], tmp_path / "set", val_share=0.1)
    report = prepare([folder], tmp_path / "set", val_share=0.0)
    assert all(scene.kept and scene.side == "train" for scene in report.scenes)
    assert list((tmp_path / "set" / "val").iterdir()) == []


def test_what_is_not_light_is_reported(tmp_path: Path) -> None:
    light = scene()
    light[0, 0, :3] = torch.tensor([math.nan, math.inf, -1.0])
    save(tmp_path / "in" / "hall.exr", light)
    (report,) = prepare([tmp_path / "in"], tmp_path / "set").scenes
    bad = report.facts.scrubbed
    assert (bad.not_a_number, bad.too_large, bad.negative) == (1, 1, 1)
    stored = read_exr(tmp_path / "set" / report.name)
    assert stored[0, 0, 0] == 0 and stored[0, 0, 1] == 65504 and stored[0, 0, 2] == 0


def test_what_looks_like_sdr_is_flagged(tmp_path: Path) -> None:
    save(tmp_path / "in" / "clipped.exr", scene().clamp_max(0.4))
    save(tmp_path / "in" / "dull.exr", scene().clamp(0.1, 0.2) + scene() * 1e-3)
    save(tmp_path / "in" / "good.exr", scene())
    flags = {s.name[6:]: s.facts.flags for s in prepare([tmp_path / "in"], tmp_path / "set", val_share=0).scenes}
    assert flags["good.exr"] == ()
    assert flags["dull.exr"] and flags["dull.exr"][0].startswith("only")
    assert "clipped" in flags["clipped.exr"][-1]


def test_near_duplicates_are_named(folder: Path, tmp_path: Path) -> None:
    save(folder / "again.exr", scene(0) * 0.5)
    (pair,) = prepare([folder], tmp_path / "set").near_duplicates
    assert {pair[0].split("/")[1], pair[1].split("/")[1]} == {"again.exr", "courtyard.exr"}


def test_sources_are_carried_over(folder: Path, tmp_path: Path) -> None:
    (folder / "SOURCES.csv").write_text("name,url,licence,authors\ncourtyard.exr,http://a/b,CC0-1.0,Ann\n")
    (tmp_path / "SOURCES.csv").write_text("file,licence,extra\nin/lebombo.exr,CC-BY,yes\nin/courtyard.exr,wrong,\n")
    report = prepare([folder], tmp_path / "set")
    assert [scene.has_source for scene in report.scenes] == [True, True, False, False]
    with (tmp_path / "set" / "SOURCES.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert rows["train/courtyard.exr"]["authors"] == "Ann" and rows["train/courtyard.exr"]["licence"] == "CC0-1.0"
    assert rows["train/lebombo.exr"]["extra"] == "yes" and rows["val/quarry_01.exr"]["licence"] == ""
    assert rows["train/lebombo.exr"]["original"] == str(folder / "lebombo.exr")
    again = prepare([tmp_path / "set" / "train"], tmp_path / "again")
    assert all(scene.has_source for scene in again.scenes)


def test_a_source_list_that_is_none(folder: Path, tmp_path: Path) -> None:
    (folder / "SOURCES.csv").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(InputError, match=r"SOURCES\.csv: not a readable CSV"):
        prepare([folder], tmp_path / "set")


def test_one_that_cannot_be_read_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    (folder / "bad.exr").write_bytes(b"nothing")
    (folder / "bad2.hdr").write_bytes(b"nothing")
    report = prepare([folder], tmp_path / "set")
    assert len(report.scenes) == 4
    assert list(report.failed) == [str(folder / "bad.exr"), str(folder / "bad2.hdr")]


def test_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable folder"):
        prepare([tmp_path / "missing"], tmp_path / "set")
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=r"no \.exr or \.hdr"):
        prepare([tmp_path / "in"], tmp_path / "set")
    (tmp_path / "in" / "a.exr").write_bytes(b"")
    with pytest.raises(InputError, match="none of 1 pictures"):
        prepare([tmp_path / "in"], tmp_path / "set")


def test_two_of_the_same_name(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "more" / "lebombo.exr", scene())
    with pytest.raises(InputError, match="rename one"):
        find_pictures([folder, tmp_path / "more"])


def test_inputs_and_foreign_lists_are_not_overwritten(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is an input"):
        prepare([folder], folder)
    (tmp_path / "SOURCES.csv").write_text("name\n")
    with pytest.raises(OutputError, match="not of a training set"):
        prepare([folder], tmp_path)


def test_pictures_of_others_are_named(folder: Path, tmp_path: Path) -> None:
    save(tmp_path / "set" / "train" / "stranger.exr", scene())
    assert prepare([folder], tmp_path / "set").strangers == ["train/stranger.exr"]


def test_an_interruption_leaves_whole_pictures_and_a_later_run_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = facts.write_picture, 0

    def interrupted(*arguments: object) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        real(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(facts, "write_picture", interrupted)
        prepare([folder], tmp_path / "set")
    assert written(tmp_path / "set") == ["train/courtyard.exr", "train/lebombo.exr"]
    assert [scene.kept for scene in prepare([folder], tmp_path / "set").scenes] == [True, True, False, False]

import os
from pathlib import Path

import pytest

from tsexpand.errors import OutputError
from tsexpand.sinks.delivery import Delivery, delivery_of
from tsexpand.sinks.paths import check_file, check_parent, make_file, partial_name, refuse_sources, remove, reserve_part


def test_a_part_never_takes_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "out.part").mkdir()
    (tmp_path / "out.part" / "notes.txt").write_text("mine")
    (tmp_path / "out.2.part").write_text("another run's")
    part = reserve_part(tmp_path / "out", Path.mkdir)
    assert part == tmp_path / "out.3.part" and part.is_dir()
    assert (tmp_path / "out.part" / "notes.txt").read_text() == "mine"
    assert reserve_part(tmp_path / "other.mp4", make_file) == tmp_path / "other.mp4.part"


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        reserve_part(tmp_path / ("a" * 252), Path.mkdir)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_closed_folder_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        check_parent(tmp_path / "out")


def test_files_are_only_replaced_when_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("a film")
    with pytest.raises(OutputError, match="--overwrite"):
        check_file(tmp_path / "a.mp4", overwrite=False)
    check_file(tmp_path / "a.mp4", overwrite=True)
    with pytest.raises(OutputError, match="is a folder"):
        check_file(tmp_path, overwrite=True)


def test_an_input_is_never_an_output(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("a film")
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    with pytest.raises(OutputError, match="is an input"):
        refuse_sources([tmp_path / "link.mp4"], ["-", str(tmp_path / "a.mp4")])
    refuse_sources([tmp_path / "b.mp4"], [str(tmp_path / "a.mp4"), "http://example.org/a.mp4"])


def test_removing_takes_files_and_folders_and_absence(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("")
    (tmp_path / "file").write_text("")
    for name in ("folder", "file", "neither"):
        remove(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [("out", "EXR"), ("shot.v02", "EXR"), ("a.MP4", "VIDEO"), ("a.mkv", "VIDEO"), ("a.ts", "VIDEO"), ("-", "PIPE")],
)
def test_names_say_what_is_written(name: str, kind: str) -> None:
    assert delivery_of(Path(name)) is Delivery[kind]


@pytest.mark.parametrize("name", ["a.avi", "a.jpg", "a.265"])
def test_names_of_what_is_not_written_are_refused(name: str) -> None:
    with pytest.raises(OutputError, match="name a"):
        delivery_of(Path(name))


def test_a_folder_may_be_called_anything(tmp_path: Path) -> None:
    (tmp_path / "odd.mp4").mkdir()
    assert delivery_of(tmp_path / "odd.mp4") is Delivery.EXR


@pytest.mark.parametrize(
    ("name", "end", "partial"),
    [
        ("a.b.mp4", ".mp4", "a.b.partial.mp4"),
        ("shot.v1", "", "shot.v1.partial"),
        ("a.dovi.json", ".dovi.json", "a.partial.dovi.json"),
    ],
)
def test_a_beginning_is_called_so_and_is_what_it_was(tmp_path: Path, name: str, end: str, partial: str) -> None:
    assert partial_name(tmp_path / name, end).name == partial

"""`tsexpand dataset` as a command: options, exit codes, what goes to which stream."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.datasets.conftest import save, scene
from tests.datasets.server import PolyHaven
from tests.datasets.tiny_dng import grey, write_dng
from tsexpand.cli import cli
from tsexpand.cli.dataset import POLYHAVEN_API, dataset_command
from tsexpand.datasets.polyhaven import API
from tsexpand.errors import InputError

PAGE = Path(__file__).parent.parent.parent / "docs" / "datasets.md"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["dataset", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("tsexpand.datasets.web.FIRST_WAIT", 0.01)
    with PolyHaven() as server:
        server.add("alley", b"alley" * 100)
        server.add("beach", b"beach" * 100)
        yield server


def test_help_does_not_load_torch() -> None:
    code = "import sys; sys.argv = ['tsexpand', 'dataset', 'prepare', '--help']\nimport tsexpand.cli\n"
    code += "tsexpand.cli.run()\n"
    code += "print(sorted(m for m in ('torch', 'av', 'numpy', 'rawpy') if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "--val-share" in result.stdout and result.stdout.endswith("[]\n"), result.stderr


def test_the_address_is_that_of_the_package() -> None:
    assert POLYHAVEN_API == API


def test_polyhaven_lists_and_downloads(server: PolyHaven, tmp_path: Path) -> None:
    listed = run("polyhaven", "--list", "--category", "outdoor", "--api", server.url)
    assert listed.stdout.splitlines() == ["alley\tAnn Author\toutdoor", "beach\tAnn Author\toutdoor"]
    assert "Poly Haven" in listed.stderr
    done = run("polyhaven", tmp_path / "hdris", "--number", 1, "--api", server.url)
    assert done.return_value == 0 and "1 downloaded, 0 there before, 0 failed" in done.stderr
    assert sorted(path.name for path in (tmp_path / "hdris").iterdir()) == ["SOURCES.csv", "alley_1k.exr"]


def test_polyhaven_says_what_failed(server: PolyHaven, tmp_path: Path) -> None:
    del server.files["alley"]
    result = run("polyhaven", tmp_path, "--api", server.url)
    assert result.return_value == 3
    assert re.search(r"^Error: .*/files/alley: the server answers 404$", result.stderr, re.MULTILINE)
    assert (tmp_path / "beach_1k.exr").exists()


def test_polyhaven_wants_a_folder_or_a_list() -> None:
    assert "OUTPUT" in str(run("polyhaven").exception)


def test_an_address_that_is_none_is_an_input_error(tmp_path: Path) -> None:
    error = run("polyhaven", tmp_path, "--api", "ftp://nowhere").exception
    assert isinstance(error, InputError) and "not an address" in str(error)


def test_raw(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="the extra [raw] is not installed")
    write_dng(tmp_path / "bursts" / "33TJ" / "merged.dng", grey(0.2))
    result = run("raw", tmp_path / "bursts", tmp_path / "out", "--half-size")
    assert result.return_value == 0 and (tmp_path / "out" / "33TJ.exr").exists()
    (tmp_path / "bursts" / "bad.dng").write_bytes(b"")
    result = run("raw", tmp_path / "bursts", tmp_path / "out")
    assert result.return_value == 3 and "0 written, 1 there before, 1 failed" in result.stderr


def test_prepare_shows_a_table_and_what_to_look_at(tmp_path: Path) -> None:
    save(tmp_path / "in" / "hall.exr", scene())
    save(tmp_path / "in" / "quarry_02.exr", scene().clamp_max(0.4))
    save(tmp_path / "in" / "quarry_03.exr", scene(width=40))
    save(tmp_path / "in" / "double.exr", scene() * 2)
    save(tmp_path / "set" / "val" / "other.exr", scene())
    result = run("prepare", tmp_path / "in", tmp_path / "set", "--width", 32)
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["scene", "size", "stops", "max/median", "notes"]
    assert len(lines) == 5 and "photograph" in lines[4] and "clipped" in lines[3]
    assert "alike: train/double.exr and train/hall.exr (1.000)" in result.stderr
    assert "not of these folders, but there: val/other.exr" in result.stderr
    assert "4 scenes without a row in a SOURCES.csv" in result.stderr
    assert "2 train, 2 val" in result.stderr
    again = run("prepare", tmp_path / "in", tmp_path / "set", "--width", 32, "--json")
    assert [entry["kept"] for entry in json.loads(again.stdout)["scenes"]] == [True] * 4


def test_prepare_says_what_failed_and_that_a_side_is_empty(tmp_path: Path) -> None:
    save(tmp_path / "in" / "hall.exr", scene())
    (tmp_path / "in" / "bad.exr").write_bytes(b"")
    result = run("prepare", tmp_path / "in", tmp_path / "set")
    assert result.return_value == 3 and "Error: " in result.stderr
    assert result.stderr.splitlines()[-1] == (
        "1 train, 0 val, 0 flagged, 1 failed; one side is empty, try another --val-share"
    )


def test_the_page_names_every_command_and_no_other() -> None:
    text = PAGE.read_text()
    assert set(re.findall(r"^tsexpand dataset (\w+)", text, re.MULTILINE)) == dataset_command.commands.keys()

import csv
from pathlib import Path

import pytest

from tests.datasets.server import PolyHaven, answers
from tsexpand.datasets.polyhaven import Choice, fetch, list_assets
from tsexpand.datasets.web import ATTEMPTS, Client
from tsexpand.errors import InputError, NetworkError, OutputError


@pytest.fixture
def haven(server: PolyHaven) -> PolyHaven:
    for name in ("beach", "alley", "cave"):
        server.add(name, name.encode() * 100)
    server.assets["cave"]["categories"] = ["indoor", "night"]
    return server


def got(client: Client, server: PolyHaven, choice: Choice) -> list[str]:
    return [asset.id for asset in list_assets(client, choice, server.url)]


def run(client: Client, server: PolyHaven, folder: Path, choice: Choice | None = None):  # type: ignore[no-untyped-def]
    choice = choice or Choice()
    return fetch(client, list_assets(client, choice, server.url), choice, folder, server.url)


def test_the_listing_is_filtered(client: Client, haven: PolyHaven) -> None:
    assert got(client, haven, Choice()) == ["alley", "beach", "cave"]
    assert got(client, haven, Choice(number=2)) == ["alley", "beach"]
    assert got(client, haven, Choice(name="*a*e*")) == ["alley", "cave"]
    assert got(client, haven, Choice(categories=("indoor", "night"))) == ["cave"]
    assert haven.asked[-1][0] == "/assets?type=hdris&categories=indoor%2Cnight"
    with pytest.raises(InputError, match="no HDRI fits"):
        got(client, haven, Choice(name="nothing"))


def test_what_is_fetched_is_on_record(client: Client, haven: PolyHaven, tmp_path: Path) -> None:
    haven.assets["beach"]["authors"] = {"Bob\x1b[2J": "Stitching", "Ann": "All"}
    report = run(client, haven, tmp_path / "new" / "hdris")
    assert (report.fetched, report.kept, report.failed) == (["alley", "beach", "cave"], [], {})
    with (tmp_path / "new" / "hdris" / "SOURCES.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    entry = haven.entry("beach")
    assert rows[1] == {
        "name": "beach_1k.exr",
        "url": entry["url"],
        "licence": "CC0-1.0",
        "authors": "Bob [2J (Stitching); Ann",
        "md5": entry["md5"],
        "size": "500",
    }
    assert [row["name"] for row in rows] == ["alley_1k.exr", "beach_1k.exr", "cave_1k.exr"]


def test_what_is_there_is_not_asked_for_again(client: Client, haven: PolyHaven, tmp_path: Path) -> None:
    run(client, haven, tmp_path, Choice(number=1))
    haven.asked.clear()
    report = run(client, haven, tmp_path)
    assert (report.fetched, report.kept) == (["beach", "cave"], ["alley"])
    assert not any("alley" in path for path, _ in haven.asked)


def test_a_file_not_on_record_is_recognised_by_its_checksum(client: Client, haven: PolyHaven, tmp_path: Path) -> None:
    (tmp_path / "alley_1k.exr").write_bytes(b"alley" * 100)
    (tmp_path / "beach_1k.exr").write_bytes(b"mine")
    report = run(client, haven, tmp_path)
    assert (report.kept, report.fetched) == (["alley"], ["cave"])
    assert "not the server's file" in report.failed["beach"]
    assert (tmp_path / "beach_1k.exr").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\\b", "C:x", "", "x" * 51, "nul\x00", "\ud800", "é"])
def test_a_name_that_leads_elsewhere_is_left_out(client: Client, haven: PolyHaven, tmp_path: Path, name: str) -> None:
    haven.add("safe", b"safe")
    haven.assets = {name: haven.assets["alley"], "safe": haven.assets["safe"]}
    report = run(client, haven, tmp_path / "out")
    assert report.fetched == ["safe"] and len(report.failed) == 1
    assert "not an id" in next(iter(report.failed.values()))
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["SOURCES.csv", "out", "safe_1k.exr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "file:///etc/passwd"}, "not an address"),
        ({"url": 7}, "does not state"),
        ({"md5": "../../x"}, "does not state"),
        ({"size": 2**40}, "not believed"),
        ({"size": 0}, "not believed"),
        ({"size": "12"}, "not believed"),
        ({"md5": "0" * 32}, "MD5"),
        ({"size": 100}, "larger than the 100"),
    ],
)
def test_a_file_that_is_described_wrongly_fails_alone(
    client: Client, haven: PolyHaven, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    haven.entry("beach").update(change)
    report = run(client, haven, tmp_path)
    assert report.fetched == ["alley", "cave"]
    assert list(report.failed) == ["beach"] and message in report.failed["beach"]
    assert not (tmp_path / "beach_1k.exr").exists()


@pytest.mark.parametrize("answer", [None, [], {"hdri": None}, {"hdri": {"1k": []}}, {"hdri": {"1k": {"hdr": {}}}}])
def test_an_hdri_without_that_file_fails_alone(
    client: Client, haven: PolyHaven, tmp_path: Path, answer: object
) -> None:
    haven.files["beach"] = answer
    assert "there is no exr of 1k" in run(client, haven, tmp_path).failed["beach"]


def test_an_hdri_that_is_gone_fails_alone(client: Client, haven: PolyHaven, tmp_path: Path) -> None:
    del haven.files["beach"]
    report = run(client, haven, tmp_path)
    assert report.fetched == ["alley", "cave"] and "404" in report.failed["beach"]


def test_a_network_that_is_down_ends_it_and_keeps_what_is_there(
    client: Client, haven: PolyHaven, tmp_path: Path
) -> None:
    haven.instead["/files/beach"] = [answers(b"", 503)] * ATTEMPTS
    with pytest.raises(NetworkError, match="run again"):
        run(client, haven, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SOURCES.csv", "alley_1k.exr"]


@pytest.mark.parametrize("listing", [b"[]", b'"x"', b"null"])
def test_another_server_is_recognised(client: Client, haven: PolyHaven, listing: bytes) -> None:
    haven.instead["/assets"] = [answers(listing)]
    with pytest.raises(InputError, match="not a list of assets"):
        list_assets(client, Choice(), haven.url)


def test_assets_may_say_nothing_of_themselves(client: Client, haven: PolyHaven) -> None:
    haven.assets = {"bare": None, "odd": {"authors": 3, "categories": {"a": 1}}}
    assert [asset.authors for asset in list_assets(client, Choice(), haven.url)] == ["not stated"] * 2


def test_a_folder_that_is_a_file_is_an_output_error(client: Client, haven: PolyHaven, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError):
        run(client, haven, tmp_path / "out")

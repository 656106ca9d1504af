import errno
import hashlib
import io
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.datasets.server import PolyHaven, answers
from tsexpand import __version__
from tsexpand.datasets import web
from tsexpand.datasets.download import RemoteFile, download
from tsexpand.datasets.web import ATTEMPTS, Client, check_url
from tsexpand.errors import InputError, NetworkError, OutputError

CONTENT = bytes(range(256)) * 40
PATH = "/file/hall_1k.exr"


@pytest.fixture
def file(server: PolyHaven) -> RemoteFile:
    server.add("hall", CONTENT)
    return RemoteFile(server.url + PATH, len(CONTENT), hashlib.md5(CONTENT).hexdigest())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_the_server_knows_who_asks(
    server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path
) -> None:
    download(client, file, tmp_path / "a.exr")
    assert (tmp_path / "a.exr").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.exr"]
    assert server.agents == {f"tsexpand/{__version__}"}


def test_a_connection_broken_at_half_goes_on_where_it_broke(
    server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path, waits: list[float]
) -> None:
    server.instead[PATH] = [answers(CONTENT[:5000], length=len(CONTENT))]
    download(client, file, tmp_path / "a.exr")
    assert (tmp_path / "a.exr").read_bytes() == CONTENT
    assert server.asked == [(PATH, None), (PATH, "bytes=5000-")]
    assert waits == [1.0]


def test_a_later_run_goes_on_too(server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path) -> None:
    server.instead[PATH] = [answers(CONTENT[:1000], length=len(CONTENT))] + [answers(b"", 503)] * (ATTEMPTS - 1)
    with pytest.raises(NetworkError, match="503"):
        download(client, file, tmp_path / "a.exr")
    assert names(tmp_path) == ["a.exr.part"]
    download(client, file, tmp_path / "a.exr")
    assert server.asked[-1] == (PATH, "bytes=1000-")
    assert (tmp_path / "a.exr").read_bytes() == CONTENT and names(tmp_path) == ["a.exr"]


def test_a_server_without_ranges_begins_again(
    server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path
) -> None:
    (tmp_path / "a.exr.part").write_bytes(CONTENT[:300])
    server.instead[PATH] = [answers(CONTENT)]
    download(client, file, tmp_path / "a.exr")
    assert (tmp_path / "a.exr").read_bytes() == CONTENT


def test_a_part_of_another_version_is_thrown_away(
    server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path
) -> None:
    (tmp_path / "a.exr.part").write_bytes(b"x" * 300)
    download(client, file, tmp_path / "a.exr")
    assert [wanted for _, wanted in server.asked] == ["bytes=300-", None]
    assert (tmp_path / "a.exr").read_bytes() == CONTENT


def test_another_part_than_asked_for_is_not_joined(
    server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path
) -> None:
    (tmp_path / "a.exr.part").write_bytes(CONTENT[:300])
    server.instead[PATH] = [answers(CONTENT[100:], 206, {"Content-Range": "bytes 100-10239/10240"})]
    download(client, file, tmp_path / "a.exr")
    assert (tmp_path / "a.exr").read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="MD5"):
        download(client, RemoteFile(file.url, file.size, "0" * 32), tmp_path / "a.exr")
    assert names(tmp_path) == []


def test_more_than_announced_is_not_taken(server: PolyHaven, client: Client, file: RemoteFile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than the 99 bytes"):
        download(client, RemoteFile(file.url, 99, file.md5), tmp_path / "a.exr")
    assert names(tmp_path) == ["a.exr.part"] and (tmp_path / "a.exr.part").stat().st_size == 100


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_a_server_asks_for_is_kept(
    server: PolyHaven, client: Client, waits: list[float], status: int
) -> None:
    date = formatdate(time.time() + 60, usegmt=True)
    server.instead["/assets"] = [answers(b"", status, {"Retry-After": w}) for w in ("7", date, "soon", "0")]
    assert client.json(f"{server.url}/assets") == {}
    assert waits[0] == 7.0 and 50 < waits[1] < 61 and waits[2:] == [4.0, 8.0]


def test_a_wait_without_reason_is_not(server: PolyHaven, client: Client, waits: list[float]) -> None:
    server.instead["/assets"] = [answers(b"", 429, {"Retry-After": "1210"})]
    with pytest.raises(NetworkError, match="asks to wait 1210 s"):
        client.json(f"{server.url}/assets")
    assert waits == []


def test_nobody_there_is_tried_again_and_then_said(client: Client, waits: list[float]) -> None:
    with pytest.raises(NetworkError, match=r"Connection refused.*5 attempts"):
        client.json("http://127.0.0.1:9/assets")
    assert waits == [1.0, 2.0, 4.0, 8.0]


def test_a_refusal_is_not_tried_again(server: PolyHaven, client: Client) -> None:
    with pytest.raises(InputError, match="answers 404"):
        client.json(f"{server.url}/files/nowhere")
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe{", b"[" * 100_000, b'{"a": ', b""])
def test_garbage_is_not_json(server: PolyHaven, client: Client, body: bytes) -> None:
    server.instead["/assets"] = [answers(body)]
    with pytest.raises(InputError, match="not JSON"):
        client.json(f"{server.url}/assets")


def test_half_a_document_is_asked_for_again(server: PolyHaven, client: Client) -> None:
    server.instead["/assets"] = [answers(b"{}", length=100)]
    assert client.json(f"{server.url}/assets") == {}


def test_an_endless_document_is_left(server: PolyHaven, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_JSON", 10)
    server.instead["/assets"] = [answers(b"[0, 0, 0, 0, 0, 0]")]
    with pytest.raises(InputError, match="larger than 10 bytes"):
        client.json(f"{server.url}/assets")


def test_a_trickle_is_left(server: PolyHaven, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "TIMEOUT", -1e6)
    monkeypatch.setattr(web, "ATTEMPTS", 1)
    body = web.chunks(io.BytesIO(b"slow"), 4)  # type: ignore[arg-type]
    assert next(body) == b"slow"
    with pytest.raises(web.Passing, match="less than 10 kB/s"):
        next(body)


def test_requests_are_paced(server: PolyHaven, waits: list[float]) -> None:
    client = Client(pause=5.0, sleep=waits.append)
    for _ in range(2):
        client.json(f"{server.url}/assets")
    assert len(waits) == 1 and 4 < waits[0] <= 5


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://[", "http://127.0.0.1:99999/", "http://" + "a" * 70 + ".org/"]
)
def test_a_redirection_out_of_the_web_is_not_followed(server: PolyHaven, client: Client, target: str) -> None:
    server.instead["/assets"] = [answers(b"", 302, {"Location": target})] * ATTEMPTS
    with pytest.raises(InputError):
        client.json(f"{server.url}/assets")


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a.b/c", "data:,x", "http:///a", "//a/b", "http://a/ b\n", "http://[", "http://a:x/"],
)
def test_only_addresses_of_the_web(url: str) -> None:
    with pytest.raises(InputError, match="not an address"):
        check_url(url)


def test_a_full_disk_is_said(client: Client, file: RemoteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, chunk: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode: Full())
    with pytest.raises(OutputError, match="disk full"):
        download(client, file, tmp_path / "a.exr")

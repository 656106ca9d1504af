"""Files from the network: resumed where a transfer stopped, under their name only when whole and verified."""

import hashlib
import http.client
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..sinks.paths import translated
from .web import Client, Passing, chunks


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to fetch, and how to know it.

    Attributes:
        url: http or https.
        size: bytes, at least 1.
        md5: hexadecimal, lower case.
    """

    url: str
    size: int
    md5: str


def download(client: Client, file: RemoteFile, path: Path) -> None:
    """Fetches a file.

    What has arrived of it is in NAME.part, where a later call goes on; NAME exists once it is whole and has the
    announced MD5.

    Raises:
        InputError: the server refuses, or what it sends is not what it announced.
        NetworkError: it can't be reached.
        OutputError: the file can't be written.
    """
    part = path.with_name(f"{path.name}.part")
    with translated(path):
        resumed = part.exists()
    client.persist(file.url, lambda: _append(client, file, part))
    with translated(path):
        if _md5(part) == file.md5:
            part.replace(path)
            return
        part.unlink()
    if not resumed:
        raise InputError(f"{file.url}: what arrived does not have the announced MD5; try again later")
    download(client, file, path)  # the old part may have been of another version of the file


def md5_of(path: Path) -> str:
    """MD5 of a file, hexadecimal; raises `OutputError` where it can't be read back."""
    with translated(path):
        return _md5(path)


def _append(client: Client, file: RemoteFile, part: Path) -> None:
    """Fetches what is missing of a part."""
    have = _begun(part, file.size)
    if have == file.size:
        return
    with closing(client.ask(file.url, {"Range": f"bytes={have}-"} if have else {})) as response:
        if response.status == 206 and not _starts_at(response, have):
            with translated(part):
                part.unlink(missing_ok=True)
            raise Passing("the server sends another part than asked for")
        if response.status != 206:  # all of it, from its beginning
            have = 0
        with translated(part), part.open("ab" if have else "wb") as out:
            for chunk in chunks(response, file.size + 1 - have):
                out.write(chunk)
                have += len(chunk)
    if have > file.size:
        raise InputError(f"{file.url}: larger than the {file.size} bytes announced")
    if have < file.size:
        raise Passing(f"the connection broke after {have} of {file.size} bytes")


def _begun(part: Path, size: int) -> int:
    """Bytes that are there; a part that is too long is of something else, and begun again."""
    with translated(part):
        have = part.stat().st_size if part.exists() else 0
        if have > size:
            part.unlink()
    return have if have <= size else 0


def _starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    """Whether a partial answer is the part that was asked for."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return found is not None and found[1] == str(start)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

"""HDRIs of Poly Haven, through its public API.

Reference:
    https://api.polyhaven.com/api-docs/swagger.json: /assets?type=hdris&categories=a,b gives the
    assets by id, /files/ID the files as hdri → resolution → format → url, size, md5.
    https://github.com/Poly-Haven/Public-API/blob/master/ToS.md: free for everyone, with a
    User-Agent of one's own, and the user told where the content is from. The HDRIs are CC0.

What the server says is checked before it is used: an id that is to be a file name, a URL, a size,
an MD5, an author's name.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from ..errors import InputError, NetworkError, OutputError
from ..sinks.paths import make_folder, translated
from .download import RemoteFile, download, md5_of
from .sources import Row, read_sources, write_sources
from .web import Client, check_url

API = "https://api.polyhaven.com"
LICENCE = "CC0-1.0"
MOST_BYTES = 1024**3
"""Of one file; a panorama of 4k is about 100 MB."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,50}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """Which HDRIs, and in what form.

    Attributes:
        categories: an HDRI must be in all of them.
        name: a pattern that its id must match, with * and ?.
        number: the first so many in the order of ids; None for all.
        resolution: 1k, 2k or 4k.
        format: exr or hdr.
    """

    categories: Sequence[str] = ()
    name: str = "*"
    number: int | None = None
    resolution: str = "1k"
    format: str = "exr"


@dataclass(frozen=True, slots=True)
class Asset:
    """An HDRI of the listing.

    Attributes:
        id: safe as a file name.
        authors: names, with what they did where not all.
        categories: as listed.
    """

    id: str
    authors: str
    categories: tuple[str, ...]


@dataclass(slots=True)
class FetchReport:
    """What became of the assets, by id.

    Attributes:
        fetched: downloaded and verified.
        kept: were there before.
        failed: with the reason; the others were fetched nevertheless.
    """

    fetched: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def list_assets(client: Client, choice: Choice, api: str = API) -> list[Asset]:
    """The HDRIs that a choice fits, in the order of ids.

    Ids that are unfit for a file name are kept, for `fetch` to refuse them by name.

    Raises:
        InputError: the server's answer is not that of the API, or nothing fits.
        NetworkError: the server can't be reached.
    """
    query = {"type": "hdris"} | ({"categories": ",".join(choice.categories)} if choice.categories else {})
    url = f"{api.rstrip('/')}/assets?{urlencode(query)}"
    listing = client.json(url)
    if not isinstance(listing, dict):
        raise InputError(f"{url}: the answer is not a list of assets; is this the address of the API?")
    assets = [_asset(name, listing[name]) for name in sorted(listing) if fnmatchcase(name, choice.name)]
    fitting = [asset for asset in assets if set(choice.categories) <= set(asset.categories)]
    if not fitting:
        raise InputError(f"{url}: no HDRI fits; try other categories or another name")
    return fitting[: choice.number]


def fetch(
    client: Client,
    assets: Sequence[Asset],
    choice: Choice,
    folder: Path,
    api: str = API,
    on_asset: Callable[[str, str], None] = lambda name, state: None,
) -> FetchReport:
    """Downloads HDRIs as ID_RESOLUTION.FORMAT, recording each in SOURCES.csv.

    What a former run has recorded is kept without asking the server.

    Args:
        client: asks.
        assets: what to download.
        choice: in what form.
        folder: made where it is missing.
        api: address of the API.
        on_asset: told the id of each asset and what became of it.

    Raises:
        NetworkError: the server can't be reached any more; what has been downloaded stays.
        OutputError: the folder can't be written.
    """
    make_folder(folder)
    rows = read_sources(folder)
    report = FetchReport()
    for asset in assets:
        try:
            state = _fetch_one(client, asset, choice, folder, api, rows)
        except (NetworkError, OutputError):
            raise
        except InputError as error:  # of this asset alone
            report.failed[ascii(asset.id)[1:-1]] = state = str(error)
        else:
            (report.kept if state == "kept" else report.fetched).append(asset.id)
        on_asset(ascii(asset.id)[1:-1], state)
    return report


def _fetch_one(client: Client, asset: Asset, choice: Choice, folder: Path, api: str, rows: dict[str, Row]) -> str:
    """Downloads one where it is missing: "fetched" or "kept"."""
    if not _ID.fullmatch(asset.id):
        raise InputError(f"{asset.id[:_LONGEST_TEXT]!a}: not an id that can become a file name; left out")
    path = folder / f"{asset.id}_{choice.resolution}.{choice.format}"
    with translated(path):
        exists = path.exists()
        if exists and rows.get(path.name, {}).get("size") == str(path.stat().st_size):
            return "kept"
    file = _file(client.json(f"{api.rstrip('/')}/files/{asset.id}"), asset.id, choice)
    if exists and md5_of(path) != file.md5:
        raise InputError(f"{path}: exists and is not the server's file; move it away to download that")
    if not exists:
        download(client, file, path)
    rows[path.name] = {
        "name": path.name,
        "url": file.url,
        "licence": LICENCE,
        "authors": asset.authors,
        "md5": file.md5,
        "size": str(file.size),
    }
    write_sources(folder, rows.values())
    return "kept" if exists else "fetched"


def _asset(name: str, value: Any) -> Asset:
    """An entry of the listing, of which nothing is taken for granted."""
    entry = value if isinstance(value, dict) else {}
    authors = entry.get("authors")
    credits = [
        _text(author) if part in ("All", "", None) else f"{_text(author)} ({_text(part)})"
        for author, part in (authors.items() if isinstance(authors, dict) else ())
    ]
    categories = entry.get("categories")
    return Asset(
        name,
        "; ".join(credits)[:_LONGEST_TEXT] or "not stated",
        tuple(_text(one) for one in (categories if isinstance(categories, list) else ())),
    )


def _text(value: Any) -> str:
    """A text of the server's, on one line, without control characters, not endless."""
    return "".join(c if c.isprintable() else " " for c in str(value)[:_LONGEST_TEXT]).strip()


def _file(answer: Any, name: str, choice: Choice) -> RemoteFile:
    """The file of a choice in an answer of /files."""
    entry = answer
    for key in ("hdri", choice.resolution, choice.format):
        entry = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(entry, dict):
        raise InputError(f"{name}: there is no {choice.format} of {choice.resolution}; try another")
    url, size, md5 = entry.get("url"), entry.get("size"), entry.get("md5")
    if not isinstance(url, str) or not isinstance(md5, str) or not _MD5.fullmatch(md5.lower()):
        raise InputError(f"{name}: the server does not state URL and MD5 of its file")
    if not isinstance(size, int) or not 0 < size <= MOST_BYTES:
        raise InputError(f"{name}: a size of {str(size)[:20]!a} bytes is not believed (at most {MOST_BYTES})")
    check_url(url)
    return RemoteFile(url, size, md5.lower())

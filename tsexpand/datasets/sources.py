"""SOURCES.csv: where each file of a folder is from, by whom, and under which licence."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..sinks.paths import translated

SOURCES = "SOURCES.csv"
FIELDS = ("name", "url", "licence", "authors", "md5", "size")
"""Of a fetched file; `name` is its path relative to the CSV file."""

MOST_BYTES = 64 * 1024**2

Row = dict[str, str]


def read_sources(folder: Path) -> dict[str, Row]:
    """The rows of a folder's SOURCES.csv by name; none where there is no such file.

    A column `file` serves as `name` where there is none of that name.

    Raises:
        InputError: it can't be read as CSV.
    """
    path = folder / SOURCES
    try:
        if not path.exists():
            return {}
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES} bytes; is this a list of sources?")
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""), restkey="", restval=""))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV file ({error})") from error
    named = ({"name": row.get("name") or row.get("file", ""), **_texts(row)} for row in rows)
    return {row["name"]: row for row in named}


def _texts(row: Row) -> Row:
    """A row without the cells that have no column, and without its name."""
    return {key: value for key, value in row.items() if key not in ("", "name", "file")}


def find_row(path: Path, read: dict[Path, dict[str, Row]]) -> Row | None:
    """The row of a file in the SOURCES.csv beside it, or else in the one of the folder above.

    Args:
        path: of the file.
        read: by folder, what has been read before; filled.

    Raises:
        InputError: a SOURCES.csv can't be read.
    """
    path = path.absolute()
    for folder in (path.parent, path.parent.parent):
        if folder not in read:
            read[folder] = read_sources(folder)
        row = read[folder].get(path.relative_to(folder).as_posix())
        if row is not None:
            return row
    return None


def write_sources(folder: Path, rows: Iterable[Row]) -> None:
    """Writes SOURCES.csv, in the order of names, and only then replaces the old one.

    Raises:
        OutputError: it can't be written.
    """
    ordered = sorted(rows, key=lambda row: row["name"])
    fields = list(dict.fromkeys([*FIELDS, *(key for row in ordered for key in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, fields, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(ordered)
    write_whole(folder / SOURCES, text.getvalue())


def write_whole(path: Path, text: str) -> None:
    """Writes a text file that is never seen half; raises `OutputError` where it can't be written."""
    part = path.with_name(f"{path.name}.part")
    with translated(path):
        part.write_text(text, "utf-8")
        part.replace(path)

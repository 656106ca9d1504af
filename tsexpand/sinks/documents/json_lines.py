"""JSON, written as it comes."""

import json
from collections.abc import Iterator, Mapping


def json_lines(fields: Mapping[str, object]) -> Iterator[str]:
    """One object, line by line; a value that is an iterator becomes a list, an item a line, and is never held whole."""
    separator = "{\n"
    for name, value in fields.items():
        yield f"{separator}  {json.dumps(name)}: "
        if isinstance(value, Iterator):
            yield from _list(value)
        else:
            yield json.dumps(value)
        separator = ",\n"
    yield "\n}\n"


def _list(items: Iterator[object]) -> Iterator[str]:
    yield "["
    separator = "\n"
    for item in items:
        yield f"{separator}    {json.dumps(item)}"
        separator = ",\n"
    yield "\n  ]"

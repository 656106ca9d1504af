import json
from collections.abc import Iterator
from itertools import count

from tsexpand.sinks.documents.json_lines import json_lines


def test_it_reads_as_it_was_meant() -> None:
    fields = {"a": 1, "ü": None, "none": iter([]), "several": iter([{"x": [1, 2]}, "y", 3.5]), "last": {"z": True}}
    assert json.loads("".join(json_lines(fields))) == {
        "a": 1, "ü": None, "none": [], "several": [{"x": [1, 2]}, "y", 3.5], "last": {"z": True}
    }  # fmt: skip


def test_a_list_is_never_held_whole() -> None:
    def endless() -> Iterator[str]:
        lines = json_lines({"frames": count()})
        return (line for line, _ in zip(lines, range(1000), strict=False))

    assert sum(1 for _ in endless()) == 1000

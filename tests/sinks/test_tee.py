from pathlib import Path

import pytest

from tests.codecs.input_clips import write_clip
from tests.conversions import IDENTITY, options
from tests.test_convert import TAGS, flat
from tsexpand.convert import convert
from tsexpand.errors import OutputError
from tsexpand.sinks.documents.sink import DocumentSink


def test_where_one_output_can_not_be_finished_none_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old document beside a new video would be wrong, and nobody would know."""
    write_clip(tmp_path / "clip.mkv", [flat(40 + i) for i in range(4)], tags=TAGS)
    (tmp_path / "out.json").write_text("old")

    def full(sink: DocumentSink, partial: bool = False) -> None:
        raise OutputError("disk full")

    monkeypatch.setattr(DocumentSink, "finish", full)
    outputs = (tmp_path / "exr", tmp_path / "out.mkv", tmp_path / "out.json")
    with pytest.raises(OutputError, match="disk full"):
        convert(options(tmp_path / "clip.mkv", *outputs, overwrite=True), IDENTITY)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mkv", "out.json"}
    assert (tmp_path / "out.json").read_text() == "old"

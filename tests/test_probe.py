from pathlib import Path

import pytest
import torch

from tests.codecs.input_clips import write_clip
from tsexpand.cli.probe import probe_lines
from tsexpand.errors import InputError
from tsexpand.probe import probe


def odd_clip(path: Path) -> None:
    sizes = ((49, 65), (25, 33), (25, 33))
    write_clip(path, [tuple(torch.full(size, 100, dtype=torch.uint8) for size in sizes)] * 2, audio_seconds=(0.1,))


def test_it_says_what_is_what_is_assumed_and_what_would_be_written(tmp_path: Path) -> None:
    odd_clip(tmp_path / "clip.mkv")
    report = probe(str(tmp_path / "clip.mkv"))
    assert {guess.field for guess in report.source.guesses} >= {"matrix", "transfer", "primaries"}
    assert report.would_write["exr"][0].startswith("65x49 half RGB")
    assert report.would_write["mkv"] == ["66x50 HEVC Main 10, BT.2020 PQ, with 1 audio"]
    text = "\n".join(probe_lines(report))
    assert "ffv1 in matroska,webm, 65x49 yuv420p" in text
    assert "assumed  matrix BT.601 (untagged, 49 < 720 lines)" in text


def test_what_would_not_be_converted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.mp4"):
        probe(str(tmp_path / "missing.mp4"))

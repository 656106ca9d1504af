"""What an excerpt says of itself, from real files."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.codecs.input_clips import configure, encode, grey_ramp
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.source_options import SourceOptions

CHAPTERS = ((0, 200, "One"), (200, 600, "Two"), (600, 1000, "Three"))


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """A second of 25 pictures, with a time code and three chapters."""
    path = str(tmp_path / "clip.mov")
    with av.open(path, "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        configure(stream.codec_context, "yuvj420p", grey_ramp(1)[0], {})
        stream.metadata["timecode"] = "10:00:00:20"
        tags = [{"id": i, "start": a, "end": b, "metadata": {"title": t}} for i, (a, b, t) in enumerate(CHAPTERS)]
        out.set_chapters([{**tag, "time_base": Fraction(1, 1000)} for tag in tags])  # type: ignore[typeddict-item]
        out.start_encoding()
        for packet in encode(stream.codec_context, grey_ramp(25), "yuvj420p"):
            packet.stream = stream
            out.mux(packet)
    return path


def told(source: VideoSource) -> tuple[str | None, list[tuple[int, int, str]]]:
    chapters = source.companions.chapters
    in_milliseconds = [(c["start"] * c["time_base"] * 1000, c["end"] * c["time_base"] * 1000) for c in chapters]
    return source.info.time_code, [
        (int(a), int(b), c["metadata"]["title"]) for (a, b), c in zip(in_milliseconds, chapters, strict=True)
    ]


def test_a_whole_clip_keeps_all_and_nothing_is_said_to_be_lost(clip: str) -> None:
    with VideoSource(clip) as source:
        assert told(source) == ("10:00:00:20", list(CHAPTERS))
        assert source.info.notices == ()


def test_chapters_are_cut_to_the_excerpt_and_moved(clip: str) -> None:
    with VideoSource(clip, SourceOptions(start=Fraction("0.39"), frames=10)) as source:
        assert told(source) == ("10:00:01:05", [(0, 200, "Two"), (200, 400, "Three")])  # from 0.4 to 0.8 s
        assert source.companions.video_metadata["timecode"] == "10:00:01:05"
        first = next(iter(source.batches(1)))
        assert int(first.planes[0][0, 0, 0]) == pytest.approx(16 + 4 * 10, abs=2)


def test_without_a_start_nothing_moves(clip: str) -> None:
    with VideoSource(clip, SourceOptions(frames=10)) as source:
        assert told(source) == ("10:00:00:20", [(0, 200, "One"), (200, 400, "Two")])


def test_a_time_code_that_is_none_is_not_carried_on(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tsexpand.codecs.description._stated", lambda key, *_: "nonsense" if key == "timecode" else None
    )
    with VideoSource(clip, SourceOptions(start=Fraction(0))) as source:
        assert source.info.time_code is None
        assert "timecode" not in source.companions.video_metadata

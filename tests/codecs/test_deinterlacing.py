"""Interlaced clips: a bright bar that moves from field to field by four pixels."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.deinterlacing import Deinterlacing
from tsexpand.codecs.pixels import frame_from_planes
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.frames import SignalBatch, VideoInfo

HEIGHT, WIDTH, STEP, BAR = 96, 160, 4, 20
RATE = 25

TFF_264 = ("mkv", "libx264", {"x264-params": "tff=1:bframes=0", "qp": "4"}, True)
BFF_264 = ("mp4", "libx264", {"x264-params": "bff=1:bframes=0", "qp": "4"}, False)
TFF_MPEG2 = ("mpg", "mpeg2video", {"flags": "+ildct+ilme", "field_order": "tt", "qscale": "2"}, True)
BFF_MPEG2 = ("mov", "mpeg2video", {"flags": "+ildct+ilme", "field_order": "bb", "qscale": "2"}, False)
CASES = (TFF_264, BFF_264, TFF_MPEG2, BFF_MPEG2)


def bar(moment: int) -> np.ndarray:
    """Luma at a field's time."""
    luma = np.full((HEIGHT, WIDTH), 60, np.uint8)
    luma[16:80, 8 + STEP * moment : 8 + STEP * moment + BAR] = 200
    return luma


def marked(frame: av.VideoFrame, top_first: bool) -> av.VideoFrame:
    """With its order of fields, which the encoders write."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=WIDTH, height=HEIGHT, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", "tff" if top_first else "bff"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    result = graph.vpull()
    result.pts, result.time_base = frame.pts, frame.time_base
    return result


def write(
    folder: Path, suffix: str, codec: str, options: Mapping[str, str], top_first: bool, frames: int = 8, woven: int = 0
) -> Path:
    """A clip; pictures before number `woven` are progressive."""
    path = folder / f"clip.{suffix}"
    chroma = torch.full((HEIGHT // 2, WIDTH // 2), 128, dtype=torch.uint8)
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=dict(options))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
        for number in range(frames):
            luma = bar(2 * number)
            if number >= woven:
                second = 1 if top_first else 0
                luma[second::2] = bar(2 * number + 1)[second::2]
            frame = frame_from_planes((torch.from_numpy(luma), chroma, chroma), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame if number < woven else marked(frame, top_first)))
        container.mux(stream.encode(None))
    return path


def decode(path: Path, mode: Deinterlacing, **options: object) -> tuple[VideoInfo, SignalBatch]:
    with VideoSource(str(path), SourceOptions(deinterlacing=mode, **options)) as source:
        (batch,) = source.batches(100)
        return source.info, batch


def left_edges(luma: torch.Tensor) -> torch.Tensor:
    """Where the bar begins, by row (N, rows), well inside it."""
    return (luma[:, 24:72].float() > 130).float().argmax(dim=2)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{'tff' if case[3] else 'bff'}")
def test_combs_are_gone_and_times_stay(tmp_path: Path, case: tuple[str, str, dict[str, str], bool]) -> None:
    path = write(tmp_path, *case)
    was, woven = decode(path, Deinterlacing.OFF)
    info, batch = decode(path, Deinterlacing.FRAME)
    assert (left_edges(woven.planes[0]).diff(dim=1).abs() == STEP).all()
    assert left_edges(batch.planes[0])[1:-1].diff(dim=1).abs().max() <= 1
    assert [t.pts for t in batch.timings] == [t.pts for t in woven.timings]
    assert [t.duration for t in batch.timings] == [t.duration for t in woven.timings]
    assert (info.time_base, info.frame_rate, info.signal) == (was.time_base, was.frame_rate, was.signal)
    order = "top" if case[3] else "bottom"
    assert info.notices[0] == f"Interlaced ({order} field first): deinterlaced, a picture for each frame."
    assert was.notices[0] == f"Interlaced ({order} field first): left so, as asked for."


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{'tff' if case[3] else 'bff'}")
def test_each_field_is_a_picture_at_its_own_time(tmp_path: Path, case: tuple[str, str, dict[str, str], bool]) -> None:
    info, batch = decode(write(tmp_path, *case), Deinterlacing.FIELD)
    assert len(batch) == 16 and info.frame_rate == 2 * RATE
    seconds = [t.seconds - batch.timings[0].seconds for t in batch.timings]
    tolerance = Fraction(1, 2000) if case[0] == "mkv" else 0
    assert all(abs(s - Fraction(i, 2 * RATE)) <= tolerance for i, s in enumerate(seconds))
    edges = left_edges(batch.planes[0]).float().mean(dim=1)
    expected = 8 + STEP * torch.arange(16.0)
    assert (edges - expected)[1:-1].abs().max() <= 1


def test_progressive_pictures_are_not_touched(tmp_path: Path) -> None:
    path = write(tmp_path, "mkv", "ffv1", {}, True, woven=8)
    info, batch = decode(path, Deinterlacing.FRAME)
    assert torch.equal(batch.planes[0], decode(path, Deinterlacing.OFF)[1].planes[0])
    assert not info.notices


def test_a_part_is_what_it_is_in_the_whole(tmp_path: Path) -> None:
    options = {**TFF_264[2], "g": "3"}
    path = write(tmp_path, "mkv", "libx264", options, True, frames=12)
    whole = decode(path, Deinterlacing.FRAME)[1].planes[0]
    for first in (1, 6, 7):
        part = decode(path, Deinterlacing.FRAME, start=Fraction(first, RATE), frames=3)[1]
        assert torch.equal(part.planes[0], whole[first : first + 3])
        assert part.timings[0].pts == 0


def test_a_part_near_the_beginning_of_an_avi(tmp_path: Path) -> None:
    """Where its keyframe comes too late, it is searched from the beginning, before which AVI knows no time."""
    path = write(tmp_path, "avi", "mpeg2video", {**TFF_MPEG2[2], "g": "12"}, True, frames=26)
    whole = decode(path, Deinterlacing.FIELD)[1].planes[0]
    for first in (12, 13, 25):
        part = decode(path, Deinterlacing.FIELD, start=Fraction(first, RATE), frames=1)[1]
        assert torch.equal(part.planes[0], whole[2 * first : 2 * first + 1])


def test_what_begins_further_on_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a recording that changes from a film to a studio."""
    path = write(tmp_path, "mkv", "ffv1", {}, True, woven=4)
    seen = iter([False] * 4 + [True] * 4)
    monkeypatch.setattr("tsexpand.codecs.deinterlacing.is_interlaced", lambda stream, frame: next(seen))
    info, batch = decode(path, Deinterlacing.FRAME)
    assert info.notices == ("Further on: Interlaced (field order unknown): deinterlaced, a picture for each frame.",)
    assert len(batch) == 8

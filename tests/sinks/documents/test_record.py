import tracemalloc
from fractions import Fraction

import pytest
import torch

from tests.sinks.documents.records import grey, letterboxed, record
from tsexpand.colour.hdr10 import ContentLight
from tsexpand.colour.light_statistics import frame_statistics
from tsexpand.frames import Timing
from tsexpand.sinks.documents import record as record_module
from tsexpand.sinks.documents.record import Frame, LightRecord


def test_shots_end_at_cuts() -> None:
    found = record([[grey(10), grey(30)], [grey(500)], [grey(5)] * 3])
    assert [(shot.first, shot.statistics.frames) for shot in found.shots] == [(0, 2), (2, 1), (3, 3)]
    assert [shot.statistics.peak for shot in found.shots] == [30, 500, 5]
    assert [frame.shot for frame in found.frames] == [0, 0, 1, 2, 2, 2]


def test_frames_are_as_measured() -> None:
    found = record([[grey(10), letterboxed(40, 12)]])
    assert list(found.frames) == [Frame(0, 10, 10, 0), Frame(1, 40, 20, 0)]
    assert found.content_light == ContentLight(40, 20)
    assert len(found) == 2 and found.time_base == Fraction(1, 24)


def test_a_batch_of_several_frames_is_taken_apart() -> None:
    batch = torch.stack([grey(10), grey(20), grey(30)])
    thumbnails = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    found = LightRecord()
    found.add(frame_statistics(batch), tuple(Timing(p, Fraction(1, 5)) for p in (7, 9, 12)), thumbnails)
    found.finish()
    assert [(frame.pts, frame.max_rgb, frame.shot) for frame in found.frames] == [(7, 10, 0), (9, 20, 1), (12, 30, 2)]


def test_nothing_is_a_record_too() -> None:
    found = LightRecord()
    found.finish()
    assert list(found.frames) == list(found.shots) == []
    assert found.content_light == ContentLight(1, 1)


def test_a_time_base_that_changes_is_refused() -> None:
    found = record([[grey(1)]])
    with pytest.raises(ValueError, match="time base 1/25"):
        found.add(frame_statistics(grey(1)[None]), (Timing(2, Fraction(1, 25)),), torch.zeros(1, 3, 32, 32))


def test_a_frame_takes_little_memory() -> None:
    found, statistics = LightRecord(), frame_statistics(grey(1, (2, 2))[None])
    thumbnail = torch.zeros(1, 3, 32, 32)
    found.add(statistics, (Timing(0, Fraction(1, 24)),), thumbnail)
    tracemalloc.start()
    for pts in range(1, 2001):
        found.add(statistics, (Timing(pts, Fraction(1, 24)),), thumbnail)
    ours = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(True, record_module.__file__)]
    )  # and no thread's
    tracemalloc.stop()
    kept = sum(trace.size for trace in ours.traces)
    assert 0 < kept / 2000 < 24  # 16, and what arrays keep in reserve

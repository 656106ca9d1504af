from fractions import Fraction

import av

from tsexpand.codecs.timeline import Timeline
from tsexpand.frames import Timing

MILLISECOND = Fraction(1, 1000)


def frame(
    pts: int | None, duration: int = 0, dts: int | None = None, time_base: Fraction | None = MILLISECOND
) -> av.VideoFrame:
    made = av.VideoFrame(2, 2, "gray")
    made.pts, made.dts, made.duration = pts, dts, duration
    if time_base is not None:
        made.time_base = time_base
    return made


def placed(timeline: Timeline, *frames: av.VideoFrame) -> list[int]:
    return [timeline.place(f).pts for f in frames]


def test_times_are_kept() -> None:
    timeline = Timeline(MILLISECOND, Fraction(25))
    assert timeline.place(frame(-23, 40)) == Timing(-23, MILLISECOND, 40)
    assert placed(timeline, frame(17), frame(18), frame(5000)) == [17, 18, 5000]
    assert timeline.repaired == 0


def test_a_tick_is_too_short_for_a_picture() -> None:
    """Which is what some muxers write where they do not know; where a tick is long enough, it is one."""
    timeline = Timeline(MILLISECOND, None)
    durations = [timeline.place(frame(pts, 1)).duration for pts in (0, 33, 67, 68, 100)]
    assert durations == [0, 33, 34, 1, 32]
    timeline = Timeline(Fraction(1, 25), None)
    assert [timeline.place(frame(pts, 1, time_base=Fraction(1, 25))).duration for pts in (0, 1, 5)] == [1, 1, 1]


def test_another_time_base_is_converted() -> None:
    timeline = Timeline(Fraction(1, 90000), None)
    assert timeline.place(frame(40, 20)) == Timing(3600, Fraction(1, 90000), 1800)


def test_missing_times_follow_the_last() -> None:
    timeline = Timeline(MILLISECOND, Fraction(25))
    assert placed(timeline, frame(None, 30), frame(None), frame(None), frame(200)) == [0, 30, 70, 200]
    assert timeline.repaired == 3


def test_without_a_rate_they_just_increase() -> None:
    assert placed(Timeline(MILLISECOND, None), frame(None), frame(None)) == [0, 1]


def test_the_decoding_time_stands_in() -> None:
    timeline = Timeline(MILLISECOND, None)
    assert placed(timeline, frame(None, dts=7)) == [7]
    assert timeline.repaired == 0


def test_times_that_do_not_increase_are_moved() -> None:
    timeline = Timeline(MILLISECOND, None)
    assert placed(timeline, frame(10), frame(10), frame(3), frame(50)) == [10, 11, 12, 50]
    assert timeline.repaired == 2


def test_by_packets_pictures_come_as_they_are_let_out() -> None:
    """H.264 in AVI: what it calls the times of pictures is the order of packets."""
    timeline = Timeline(MILLISECOND, Fraction(25), by_packets=True)
    order = [(40, 80), (120, 120), (160, 160), (80, 200), (240, 240), (200, None), (280, None)]
    frames = [frame(pts, 40, dts) for pts, dts in order]
    assert placed(timeline, *frames) == [40, 80, 120, 160, 200, 240, 280]
    assert timeline.repaired == 0

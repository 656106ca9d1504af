"""Text subtitles in containers that can't hold them as they are."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from tests.codecs.test_mux import opened
from tests.codecs.written import ffprobe, steady, witness, write_video
from tsexpand.codecs.passthrough import Container

STYLES = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Bold, Italic, Underline, Alignment
Style: Default,Arial,16,&Hffffff,0,0,0,2
Style: Sign,Arial,16,&H0000ff,1,0,0,8

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

Line = tuple[int, int, bytes]
"""Beginning and duration in milliseconds, and a packet's bytes."""


def write_subtitles(path: Path, codec: str, lines: Sequence[Line]) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec)
        stream.codec_context.subtitle_header = STYLES
        stream.time_base = Fraction(1, 1000)
        stream.metadata.update({"language": "fra", "title": "Français"})
        for begin, duration, content in lines:
            packet: av.Packet[Any] = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = begin
            packet.duration = duration
            output.mux(packet)


def converted(path: Path, container: Container, begin: int = 0) -> tuple[Path, tuple[str, ...]]:
    """The file with pictures of twelve a second's ticks from `begin` on, and the notices."""
    output = path.with_name(f"out.{container.name.lower()}")
    with opened(path) as (companions, packets):
        notices = write_video(output, container, times=steady(5, start=begin), companions=companions, packets=packets)
    return output, notices


def lines_of(path: Path) -> list[tuple[int, int, str]]:
    """Beginning and end in milliseconds, and the text with its overrides, of each line that is not empty."""
    found = []
    with av.open(str(path)) as source:
        stream = source.streams.subtitles[0]
        for packet in source.demux(stream):
            events = stream.codec_context.decode2(packet) if packet.size else None
            if events and packet.pts is not None:
                begin, duration = packet.pts * packet.time_base * 1000, packet.duration * packet.time_base * 1000
                text = "|".join(event.ass.decode().split(",", 8)[8] for event in events)
                found.append((round(begin), round(begin + duration), text))
    return found


SRT: list[Line] = [(100, 300, b"<i>Hello</i>, world"), (480, 420, "Zweite Zeile: äöü €\nand more".encode())]


@pytest.mark.parametrize("codec", ["subrip", "webvtt"])
@pytest.mark.parametrize("container", [Container.MP4, Container.MOV])
def test_text_in_mp4(tmp_path: Path, codec: str, container: Container) -> None:
    write_subtitles(tmp_path / "in.mkv", codec, SRT)
    output, notices = converted(tmp_path / "in.mkv", container)
    assert lines_of(output) == [
        (100, 400, r"{\i1}Hello{\r}, world"),
        (480, 900, r"Zweite Zeile: äöü €\Nand more"),
    ]
    assert notices == (
        f"subtitle stream 0 ({codec}, fra) becomes mov_text in {container.name}: bold, italics and colours are kept, "
        "other styling is not; MKV keeps all",
    )


def test_it_keeps_language_and_title(tmp_path: Path) -> None:
    write_subtitles(tmp_path / "in.mkv", "subrip", SRT)
    output, _ = converted(tmp_path / "in.mkv", Container.MP4)
    stream = ffprobe(output)["streams"][1]
    assert (stream["codec_name"], stream["codec_tag_string"], stream["tags"]["language"]) == ("mov_text", "tx3g", "fra")
    assert "Français" in witness("mediainfo", str(output))


def test_ass_in_mp4_keeps_its_words_and_plain_styles(tmp_path: Path) -> None:
    ass: list[Line] = [
        (100, 700, rb"0,0,Default,,0,0,0,,{\i1}Hello{\i0}, world"),
        (300, 200, rb"1,0,Sign,,0,0,0,,{\pos(10,10)}SIGN, with comma"),
        (840, 120, rb"2,0,Default,,0,0,0,,Last\Nline"),
    ]
    write_subtitles(tmp_path / "in.mkv", "ass", ass)
    output, _ = converted(tmp_path / "in.mkv", Container.MP4)
    lines = lines_of(output)
    assert [(begin, end) for begin, end, _ in lines] == [(100, 300), (300, 500), (500, 800), (840, 960)]
    assert lines[1][2] == r"{\i1}Hello{\r}, world\N{\b1}{\1c&HFF&}SIGN, with comma"  # bold and red, by its style
    assert lines[3][2] == r"Last\Nline"


def test_mov_text_in_matroska(tmp_path: Path) -> None:
    write_subtitles(tmp_path / "in.mkv", "subrip", SRT)
    middle, _ = converted(tmp_path / "in.mkv", Container.MP4)
    output, notices = converted(middle.rename(tmp_path / "middle.mp4"), Container.MKV)
    assert lines_of(output) == [
        (100, 400, r"{\i1}Hello{\i0}, world"),
        (480, 900, r"Zweite Zeile: äöü €\Nand more"),
    ]
    assert "becomes subrip in MKV" in notices[0]
    assert "MP4 or MOV keeps all" in notices[0]


def test_what_a_container_holds_is_not_recoded(tmp_path: Path) -> None:
    write_subtitles(tmp_path / "in.mkv", "webvtt", SRT)
    output, notices = converted(tmp_path / "in.mkv", Container.MKV)
    assert notices == ()
    assert ffprobe(output)["streams"][1]["codec_name"] == "webvtt"


@pytest.mark.parametrize("container", [Container.MP4, Container.MKV])
def test_lines_move_with_the_pictures_and_begin_at_zero(tmp_path: Path, container: Container) -> None:
    write_subtitles(tmp_path / "in.mkv", "subrip", [(0, 100, b"gone"), (300, 400, b"cut"), (800, 100, b"whole")])
    with opened(tmp_path / "in.mkv") as (companions, packets):
        for packet in packets:
            assert isinstance(packet, av.Packet)
            if packet.pts is not None:
                packet.pts = packet.dts = packet.pts - 500  # as of an excerpt from 0.5 s on
        write_video(tmp_path / "out", container, companions=companions, packets=packets)
    assert lines_of(tmp_path / "out") == [(0, 200, "cut"), (300, 400, "whole")]
    # Pictures from -0.5 s on: all becomes half a second later.
    early, _ = converted(tmp_path / "in.mkv", Container.MP4, begin=-12)
    assert lines_of(early)[0] == (500, 600, "gone")


def test_a_line_that_does_not_say_for_how_long(tmp_path: Path) -> None:
    write_subtitles(tmp_path / "in.mkv", "subrip", [(100, 0, b"Hello")])
    assert lines_of(converted(tmp_path / "in.mkv", Container.MP4)[0]) == [(100, 5100, "Hello")]


def test_too_much_text_for_a_line_is_dropped_and_said(tmp_path: Path) -> None:
    lines: list[Line] = [(100, 50, b"x" * 100_000), *[(200, 50, b"x" * 60_000)] * 2, (300, 9, b"good")]
    write_subtitles(tmp_path / "in.mkv", "subrip", lines)
    output, notices = converted(tmp_path / "in.mkv", Container.MP4)
    assert lines_of(output) == [(300, 309, "good")]
    assert "2 damaged packets of subtitle stream 0 (subrip, fra) are not kept." in notices


def test_pictures_of_text_are_dropped_where_they_can_not_be_held(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_mux_stream("hdmv_pgs_subtitle")
        packet: av.Packet[Any] = av.Packet(b"\x80\0\0")
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 0
        output.mux(packet)
    assert converted(tmp_path / "in.mkv", Container.MKV)[1] == ()
    (notice,) = converted(tmp_path / "in.mkv", Container.MP4)[1]
    assert notice == "subtitle stream 0 (hdmv_pgs_subtitle) dropped: MP4 can't hold it; MKV can"

"""Streams of every kind through a named pipe, with the engine that changes nothing."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.codecs.input_clips import write_clip
from tests.codecs.written import ffprobe, side_data, witness
from tests.conversions import IDENTITY, options, video_codes
from tests.test_convert import TAGS, VFR, flat
from tsexpand.convert import ConvertReport, convert
from tsexpand.errors import ClosedPipe, InputError, OutputError
from tsexpand.sinks.byte_stream import ByteStream
from tsexpand.sinks.paths import check_file, descriptor, is_stream
from tsexpand.sinks.pipe import PipeFormat

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")

STREAMS = ("a.y4m", "a.yuv", "a.nut", "a.mkv", "a.ts")
FORMATS = {"a.nut": "nut", "a.mkv": "matroska", "a.ts": "mpegts"}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight frames at uneven times, of an odd size, with sound and a chapter."""
    path = tmp_path / "clip.mkv"
    pictures = [flat(40 + 8 * i, 120, 140, 66, 50) for i in range(8)]
    write_clip(path, pictures, pts=VFR, tags=TAGS, audio_seconds=(0.4,), chapter=True)
    return path


@contextmanager
def read_from(pipe: Path, into: Path, limit: int = -1) -> Iterator[threading.Thread]:
    """A named pipe with a reader that takes all, or leaves after so many bytes."""
    os.mkfifo(pipe)

    def read() -> None:
        with pipe.open("rb") as source:
            into.write_bytes(source.read(limit))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield reader
    finally:
        reader.join(20)
        assert not reader.is_alive()


def piped(clip: Path, name: str, folder: Path, **changes: Any) -> tuple[Path, ConvertReport]:
    """What came out at the other end of a pipe of that name."""
    out = folder / f"out{Path(name).suffix}"
    with read_from(folder / name, out):
        report = convert(options(clip, folder / name, **changes), IDENTITY)
    assert (folder / name).is_fifo()  # and nothing was put in its place
    return out, report


def planes(path: Path) -> list[np.ndarray]:
    return [plane.astype(int) for plane in video_codes(path)]


def test_all_streams_carry_the_same_pictures(clip: Path, tmp_path: Path) -> None:
    y4m, report = piped(clip, "a.y4m", tmp_path)
    expected = planes(y4m)
    assert expected[0].shape == (8, 50, 66)
    assert any("sound, subtitles and chapters are not written" in notice for notice in report.notices)
    assert any("3 pictures are not shown when they were" in notice for notice in report.notices)
    raw, _ = piped(clip, "a.yuv", tmp_path)
    body = y4m.read_bytes().partition(b"\n")[2]
    size = 2 * (66 * 50 + 2 * 33 * 25)
    frames = [body[at + 6 : at + 6 + size] for at in range(0, len(body), size + 6)]
    assert raw.read_bytes() == b"".join(frames)
    for name in ("a.nut", "a.mkv", "a.ts"):
        out, _ = piped(clip, name, tmp_path)
        for got, wanted in zip(planes(out), expected, strict=True):
            assert np.abs(got - wanted).max() <= (0 if name == "a.nut" else 2), name


@pytest.mark.parametrize("name", ["a.nut", "a.mkv", "a.ts"])
def test_times_and_sound_go_through(clip: Path, tmp_path: Path, name: str) -> None:
    out, report = piped(clip, name, tmp_path)
    with av.open(out) as container:
        assert container.format.name.startswith(FORMATS[name])
        pts = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert [time - pts[0] for time in pts] == [Fraction(ms, 1000) for ms in VFR]
    with av.open(out) as container:
        sound = b"".join(bytes(p) for p in container.demux(audio=0)) if container.streams.audio else b""
    with av.open(clip) as container:
        assert sound == (b"" if name == "a.ts" else b"".join(bytes(p) for p in container.demux(audio=0)))
    dropped = [notice for notice in report.notices if "dropped" in notice]
    assert len(dropped) == (2 if name == "a.ts" else 0)  # uncompressed sound, and the chapter


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_light_levels_are_unknown_where_none_can_come_back(clip: Path, tmp_path: Path, name: str) -> None:
    out, report = piped(clip, name, tmp_path)
    assert any("light levels are declared as 0, unknown" in notice for notice in report.notices)
    assert report.content_light is not None and report.content_light.max_cll > 10
    with av.open(out) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (9, 16, 9)
    frame = ffprobe(out)["frames"][0]
    assert side_data(frame, "Content light")["max_content"] == 0
    assert side_data(frame, "Mastering")["max_luminance"] == "10000000/10000"


def test_ffmpeg_reads_raw_pictures_as_it_was_told(clip: Path, tmp_path: Path) -> None:
    raw, report = piped(clip, "a.yuv", tmp_path)
    told = next(n for n in report.notices if n.startswith("raw video says")).partition("told: ")[2].split()
    fields = "stream=width,height,pix_fmt,r_frame_rate,nb_read_frames,color_range,color_space,color_transfer"
    answer = witness("ffprobe", "-v", "error", *told, "-count_frames", "-show_entries", fields, "-of", "csv", str(raw))
    assert answer.strip() == "stream,66,50,yuv420p10le,tv,bt2020nc,smpte2084,25/1,8"


@pytest.mark.parametrize("name", STREAMS)
def test_a_failure_on_the_way_leaves_a_stream_that_breaks_off(tmp_path: Path, name: str) -> None:
    pictures = [flat(60 + 20 * i) for i in range(8)]
    write_clip(tmp_path / "broken.avi", pictures, "yuvj420p", "mjpeg", damage={6: b"junk" * 50})
    write_clip(tmp_path / "whole.avi", pictures, "yuvj420p", "mjpeg")
    sizes = []
    for source in ("whole.avi", "broken.avi"):
        folder = tmp_path / source.removesuffix(".avi")
        folder.mkdir()
        with read_from(folder / name, folder / "out"):
            if source == "whole.avi":
                convert(options(tmp_path / source, folder / name, batch_size=1), IDENTITY)
            else:
                with pytest.raises(InputError, match="undecodable"):
                    convert(options(tmp_path / source, folder / name, batch_size=1), IDENTITY)
        sizes.append((folder / "out").stat().st_size)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize("name", STREAMS)
def test_a_reader_that_leaves(clip: Path, tmp_path: Path, name: str) -> None:
    with read_from(tmp_path / name, tmp_path / "out", limit=0) as reader, pytest.raises(ClosedPipe):
        convert(options(clip, tmp_path / name), IDENTITY, on_open=lambda info, notices: reader.join())


def test_what_no_pipe_takes() -> None:
    with pytest.raises(OutputError, match=r"\.mp4 has its index behind; use --to mkv, ts or nut"):
        PipeFormat.of(Path("a.mp4"))


def test_names_of_streams(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    names = ("-", "/dev/stdout", "/dev/fd/63", "/proc/self/fd/3", "file", str(tmp_path / "pipe"))
    assert [descriptor(Path(name)) for name in names] == [1, 1, 63, 3, None, None]
    assert [is_stream(Path(name)) for name in names] == [True] * 4 + [False, True]
    assert is_stream(Path("/dev/null")) and not is_stream(tmp_path)


def test_nothing_is_put_in_the_place_of_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mkv")
    with pytest.raises(OutputError, match="is a device or a socket"):
        check_file(tmp_path / "a.mkv", overwrite=True)


def test_a_stream_that_can_not_be_opened() -> None:
    with pytest.raises(OutputError, match="/dev/fd/999999: Bad file descriptor"):
        ByteStream(Path("/dev/fd/999999")).open()


def test_the_same_stream_twice(clip: Path) -> None:
    with pytest.raises(OutputError, match="named twice"):
        convert(options(clip, Path("-"), Path("/dev/stdout")), IDENTITY)


def test_an_interruption_while_it_is_written_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = ByteStream(Path("/dev/null"))
    stream.open()

    def interrupted(file: int, data: bytes) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    assert stream.write(b"data") == stream.write(b"more") == 4
    monkeypatch.undo()
    with pytest.raises(KeyboardInterrupt):
        stream.check()
    stream.close()

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.codecs.input_clips import random_planes, write_clip
from tests.codecs.test_decode import all_pts, decode, stdin_from
from tsexpand.errors import InputError

FRAMES = 60
"""At 25 a second, 2.4 s."""

KINDS = {
    "faststart.mp4": ("libx264", {"bf": "2", "qp": "10"}, {"movflags": "faststart"}),
    "fragments.mp4": ("libx264", {"g": "10", "qp": "10"}, {"movflags": "frag_keyframe+empty_moov"}),
    "clip.mkv": ("ffv1", {}, {}),
    "clip.avi": ("mjpeg", {}, {}),
}


def write(folder: Path, name: str, audio: bool = True) -> Path:
    codec, options, container = KINDS[name]
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    pictures = [random_planes("yuv420p", seed=seed) for seed in range(FRAMES)]
    sound = (2.4,) if audio and not name.endswith("mp4") else ()
    write_clip(folder / name, pictures, pixel_format, codec, options=options, container=container, audio_seconds=sound)
    return folder / name


def cut(path: Path, share: float) -> Path:
    os.truncate(path, round(path.stat().st_size * share))
    return path


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("audio", [False, True])
def test_whole_inputs_pass(tmp_path: Path, name: str, audio: bool) -> None:
    path = write(tmp_path, name, audio)
    assert len(all_pts(decode(path)[1])) == FRAMES
    assert len(all_pts(decode(path, start=Fraction(1))[1])) == 35
    with stdin_from(path):
        assert len(all_pts(decode("-")[1])) == FRAMES


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.4, 0.6])
def test_what_is_cut_off_is_refused_with_its_time(tmp_path: Path, name: str, share: float) -> None:
    path = cut(write(tmp_path, name), share)
    with pytest.raises(InputError, match=r"cut off at 00:00:0[01]\.\d{3}: \d+ of about \d+ frames are there") as caught:
        decode(path)
    assert str(caught.value).startswith(f"{path}: ")
    there = int(str(caught.value).split("--frames ")[1])
    assert abs(there - share * FRAMES) < 8
    assert len(all_pts(decode(path, frames=there)[1])) == there  # as advised
    with stdin_from(path), pytest.raises(InputError, match=r"^-: (cut off|undecodable) at 00:00:0[01]\.\d{3}"):
        decode("-")


def test_an_excerpt_that_runs_into_the_cut(tmp_path: Path) -> None:
    path = cut(write(tmp_path, "clip.mkv"), 0.6)
    assert len(all_pts(decode(path, start=Fraction("0.4"), frames=10)[1])) == 10
    with pytest.raises(InputError, match="cut off at"):
        decode(path, start=Fraction("0.4"), frames=40)


def test_a_stale_tag_is_not_believed(tmp_path: Path) -> None:
    """Some tools copy a stream's duration where they cut it; that of the whole file tells."""
    path = write(tmp_path, "clip.mkv")
    content = path.read_bytes()
    assert b"00:00:02.400000000" in content
    path.write_bytes(content.replace(b"00:00:02.400000000", b"00:00:09.400000000"))
    assert len(all_pts(decode(path)[1])) == FRAMES


@pytest.mark.parametrize("tag", [b"00:00:0000000001/0", b"00:00:1e3000000000", b"00:00:00000000nan0"])
def test_a_tag_that_is_no_time_is_not_believed(tmp_path: Path, tag: bytes) -> None:
    path = write(tmp_path, "clip.mkv")
    path.write_bytes(path.read_bytes().replace(b"00:00:02.400000000", tag))
    assert len(all_pts(decode(path)[1])) == FRAMES


def test_sound_that_goes_on_is_no_cut(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", [random_planes("yuv420p")] * 10, audio_seconds=(3.0,))
    assert len(all_pts(decode(tmp_path / "clip.mkv")[1])) == 10


def test_a_cut_in_the_sound_behind_the_pictures(tmp_path: Path) -> None:
    """All pictures are there."""
    write_clip(tmp_path / "clip.mkv", [random_planes("yuv420p")] * 10, audio_seconds=(8.0,))
    assert len(all_pts(decode(cut(tmp_path / "clip.mkv", 0.7))[1])) == 10


def index_of(path: Path) -> int:
    """Where the index begins, which lies behind the pictures."""
    return path.read_bytes().rindex(b"\x1c\x53\xbb\x6b" if path.suffix == ".mkv" else b"idx1")


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi"])
def test_a_file_that_lacks_bytes_may_not_lack_pictures(tmp_path: Path, name: str) -> None:
    """What its duration would forgive, as durations are often inexact."""
    path = write(tmp_path, name, audio=False)
    os.truncate(path, index_of(path) * 9 // 10)  # 0.24 s
    with pytest.raises(InputError, match=r"cut off at 00:00:02\.\d{3}: 5\d of about \d+ frames are there"):
        decode(path)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi"])
def test_a_file_that_lacks_its_index_only_is_whole(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    os.truncate(path, index_of(path) + 6)
    info, batches = decode(path)
    assert len(all_pts(batches)) == FRAMES
    assert any("lacks its last" in notice for notice in info.notices)


def test_a_duration_by_a_bit_rate_is_no_promise(tmp_path: Path) -> None:
    """FFmpeg makes it up where a stream of pictures was kept in a file, from the sound's bit rate alone."""
    path = write(tmp_path, "clip.mkv")
    content = bytearray(path.read_bytes())
    place = content.index(b"\x44\x89\x88")
    content[place : place + 11] = b"\xec\x89" + bytes(9)
    path.write_bytes(content.replace(b"DURATION", b"DURATIUN"))
    with av.open(path) as made_up:
        assert made_up.duration > 3_000_000
    assert len(all_pts(decode(path)[1])) == FRAMES

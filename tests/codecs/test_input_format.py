"""Inputs whose format is said: raw pictures, hints; and streams on a pipe that end too early."""

import os
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tests.codecs.test_decode import decode, stdin_from
from tsexpand.codecs.input_format import InputFormat
from tsexpand.codecs.pixels import frame_from_planes
from tsexpand.codecs.stream_end import MatroskaEnd
from tsexpand.errors import InputError

NTSC = Fraction(24000, 1001)


def raw(pixel_format: str = "yuv420p", rate: Fraction = NTSC) -> InputFormat:
    return InputFormat("rawvideo", (66, 50), pixel_format, rate)


def raw_bytes(pixel_format: str, count: int) -> bytes:
    encoder = av.CodecContext.create("rawvideo", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 66, 50, pixel_format, 1 / NTSC
    frames = [frame_from_planes(random_planes(pixel_format, 66, 50, seed), pixel_format) for seed in range(count)]
    return b"".join(bytes(packet) for frame in frames for packet in encoder.encode(frame))


@pytest.mark.parametrize(
    "pixel_format",
    ["yuv420p", "yuvj422p", "yuv444p", "yuv420p10le", "yuv422p12le", "yuv444p16le", "gray10le", "gbrp", "gbrp12le"],
)
def test_raw_pictures_are_read_to_the_bit(tmp_path: Path, pixel_format: str) -> None:
    path = tmp_path / "clip.yuv"
    path.write_bytes(raw_bytes(pixel_format, 3))
    info, batches = decode(path, format=raw(pixel_format))
    assert (info.width, info.height, info.pixel_format, info.frame_rate) == (66, 50, pixel_format, NTSC)
    timings = [timing.seconds for batch in batches for timing in batch.timings]
    assert timings == [i / NTSC for i in range(3)]
    for i in range(3):
        expected = random_planes(pixel_format, 66, 50, i)
        got = [torch.cat([batch.planes[p] for batch in batches])[i] for p in range(len(expected))]
        assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    with stdin_from(path):
        again = decode("-", format=raw(pixel_format))[1]
    assert torch.equal(torch.cat([b.planes[0] for b in again]), torch.cat([b.planes[0] for b in batches]))


def test_packed_rgb(tmp_path: Path) -> None:
    path = tmp_path / "clip.rgb"
    path.write_bytes(bytes(range(200, 203)) * 66 * 50)
    batches = decode(path, format=raw("rgb24"))[1]
    assert [int(plane.unique()) for plane in batches[0].planes] == [200, 201, 202]


def test_a_last_picture_in_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.yuv"
    path.write_bytes(raw_bytes("yuv420p", 3)[:-7])
    with pytest.raises(InputError, match=r"holds 2 pictures of 66×50 yuv420p, 4950 bytes each, and 4943 bytes more"):
        decode(path, format=raw())
    assert sum(map(len, decode(path, format=raw(), frames=2)[1])) == 2  # as advised
    with pytest.raises(InputError, match=r"cut off at 00:00:00\.083: 2 of about 3 frames are there"):
        decode(path, format=raw(), frames=3)
    with stdin_from(path), pytest.raises(InputError, match=r"^-: cut off at .*: 2 of about 3 frames"):
        decode("-", format=raw())


@pytest.mark.parametrize("size", [0, 100])
def test_less_than_a_picture(tmp_path: Path, size: int) -> None:
    path = tmp_path / "clip.yuv"
    path.write_bytes(bytes(size))
    with pytest.raises(InputError, match="not one whole picture of 66×50 yuv420p"):
        decode(path, format=raw())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("nosuch",), "nosuch is no format"),
        (("rawvideo",), "are all needed"),
        (("rawvideo", (66, 50), "yuv420p", None), "are all needed"),
        (("mpegts", (66, 50), None, None), "of rawvideo only"),
        ((None, None, "yuv420p", None), "of rawvideo only"),
        (("rawvideo", (66, 50), "nosuch", NTSC), "nosuch is no pixel format"),
        (("rawvideo", (66, 50), "cuda", NTSC), "cuda is not supported"),
    ],
)
def test_contradictions_can_not_be_built(values: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InputFormat(*values)  # type: ignore[arg-type]


def test_a_hint_is_taken_and_a_wrong_one_refused(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", [random_planes("yuv420p")] * 3)
    assert decode(tmp_path / "clip.mkv", format=InputFormat("matroska"))[0].container == "matroska,webm"
    assert (
        decode(tmp_path / "clip.mkv", format=InputFormat("webm"), start=Fraction("0.04"))[0].container
        == "matroska,webm"
    )
    with stdin_from(tmp_path / "clip.mkv"):
        assert sum(map(len, decode("-", format=InputFormat("matroska"))[1])) == 3
    with pytest.raises(InputError, match="not avi, or empty, or cut off"):
        decode(tmp_path / "clip.mkv", format=InputFormat("avi"))
    with stdin_from(tmp_path / "clip.mkv"), pytest.raises(InputError, match="image2 does not come through a pipe"):
        decode("-", format=InputFormat("image2"))


# Streams that were written to a pipe state no duration


STREAMS = {
    "clip.mkv": ("ffv1", {"live": "1"}),  # clusters of unknown size
    "clip.nut": ("rawvideo", {}),
    "clip.y4m": ("wrapped_avframe", {}),
    "clip.avi": ("mjpeg", {}),
}


def written_to_a_pipe(path: Path) -> bytes:
    """Eight pictures in a container that could not go back to its header."""
    pixel_format = "yuvj420p" if path.suffix == ".avi" else "yuv420p"
    codec, options = STREAMS[path.name]
    pictures = [random_planes("yuv420p", seed=seed) for seed in range(8)]
    write_clip(path, pictures, pixel_format, codec, container=options)
    return path.read_bytes()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_breaks_off_within_a_picture_is_not_whole(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = written_to_a_pipe(path)
    with stdin_from(path):
        assert sum(map(len, decode("-")[1])) == 8
    os.truncate(path, len(content) * 6 // 10)
    with stdin_from(path), pytest.raises(InputError, match=r"^-: cut off at 00:00:00\.\d{3}: \d of about \d frames"):
        decode("-")


def test_the_elements_of_matroska_are_followed_however_they_come(tmp_path: Path) -> None:
    content = written_to_a_pipe(tmp_path / "clip.mkv")
    for step in (1, 7, 1000, len(content)):
        end = MatroskaEnd()
        for at in range(0, len(content), step):
            end.feed(content[at : at + step])
        assert not end.is_within_pictures, step
        end.feed(b"\xa3\x40\x10part of a block")
        assert end.is_within_pictures


def test_what_is_no_matroska_may_end_anywhere() -> None:
    for content in (b"", b"\x00" * 100, b"YUV4MPEG2 W64 H48", b"\x1a\x45\xdf\xa3\x81\0" + b"damage" * 30):
        end = MatroskaEnd()
        end.feed(content)
        assert not end.is_within_pictures

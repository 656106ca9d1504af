import gc
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.stream import Disposition

from tests.codecs.input_clips import configure, encode, grey_ramp, png, random_planes, raw_stream, write_clip
from tsexpand.codecs import companion_packets, opening, pictures
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.description import SignalOverrides
from tsexpand.codecs.pixels import frame_from_planes
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.ycbcr import Planes
from tsexpand.errors import InputError
from tsexpand.frames import SignalBatch, VideoInfo, clock
from tsexpand.sinks.orientation import Orientation, orientation_of


def decode(path: Path | str, batch_size: int = 2, **options: object) -> tuple[VideoInfo, list[SignalBatch]]:
    with VideoSource(str(path), SourceOptions(**options)) as source:
        batches = list(source.batches(batch_size))
        return source.info, batches


def lumas(batches: list[SignalBatch]) -> list[int]:
    """The luma of flat pictures."""
    return [int(picture[0, 0]) for batch in batches for picture in batch.planes[0]]


def all_pts(batches: list[SignalBatch]) -> list[int]:
    return [t.pts for batch in batches for t in batch.timings]


def seconds(batches: list[SignalBatch]) -> list[Fraction]:
    return [t.seconds for batch in batches for t in batch.timings]


def packets_by_stream(batches: list[SignalBatch]) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for batch in batches:
        for packet in batch.packets:
            found.setdefault(packet.stream_index, []).append(bytes(packet))
    return found


@contextmanager
def stdin_from(path: Path) -> Iterator[None]:
    """Standard input from a pipe."""
    saved = os.dup(0)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        assert cat.stdout is not None
        os.dup2(cat.stdout.fileno(), 0)
        cat.stdout.close()
        try:
            yield
        finally:
            os.dup2(saved, 0)
            os.close(saved)


# Pictures


@pytest.mark.parametrize(
    ("codec", "suffix", "pixel_format"),
    [
        *(("ffv1", "mkv", f) for f in ("yuv420p", "yuv422p", "yuv411p", "yuv440p", "yuv420p10le", "yuv444p16le")),
        *(("ffv1", "mkv", f) for f in ("gray", "gray16le", "gbrp10le", "gbrp16le", "gray10le", "yuv420p9le")),
        ("ffvhuff", "avi", "gbrp"),
        *(("rawvideo", "nut", f) for f in ("yuv420p", "yuv410p", "yuv422p12le", "gbrp")),
        ("png", "avi", "gray"),
    ],
)
@pytest.mark.parametrize(("width", "height"), [(64, 48), (35, 21)])
def test_planes_are_exact(tmp_path: Path, codec: str, suffix: str, pixel_format: str, width: int, height: int) -> None:
    path = tmp_path / f"clip.{suffix}"
    expected = [random_planes(pixel_format, width, height, seed) for seed in range(3)]
    write_clip(path, expected, pixel_format, codec)
    info, batches = decode(path)
    assert (info.pixel_format, info.width, info.height) == (pixel_format, width, height)
    assert [len(b) for b in batches] == [2, 1]
    assert batches[0].signal == info.signal
    assert info.signal.bit_depth == torch.iinfo(torch.uint8).bits or batches[0].planes[0].dtype is torch.uint16
    for k in range(len(expected[0])):
        assert torch.equal(torch.cat([b.planes[k] for b in batches]), torch.stack([p[k] for p in expected]))


def test_rows_kept_from_the_bottom_up(tmp_path: Path) -> None:
    planes = random_planes("gbrp", 32, 8)
    packed = torch.stack((planes[2], planes[1], planes[0]), dim=-1)
    with av.open(str(tmp_path / "clip.avi"), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 8, "bgr24"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(packed.numpy(), format="bgr24")))
    info, (batch,) = decode(tmp_path / "clip.avi")
    assert info.pixel_format == "bgr24"
    assert all(torch.equal(got[0], expected) for got, expected in zip(batch.planes, planes, strict=True))


def test_lossless_h264_with_b_frames(tmp_path: Path) -> None:
    expected = [random_planes("yuv420p", seed=s) for s in range(6)]
    write_clip(tmp_path / "clip.mp4", expected, codec="libx264", options={"qp": "0", "bf": "2"})
    _, batches = decode(tmp_path / "clip.mp4", 4)
    assert torch.equal(torch.cat([b.planes[0] for b in batches]), torch.stack([p[0] for p in expected]))
    assert seconds(batches) == [Fraction(40 * i, 1000) for i in range(6)]


def test_streams_that_are_not_kept_are_said(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.mov"), "w") as out:
        streams = [out.add_stream("mjpeg", rate=25) for _ in range(2)]
        for stream in streams:
            configure(stream.codec_context, "yuvj420p", grey_ramp(1)[0], {})
        streams[0].metadata["timecode"] = "01:00:00:00"  # becomes a stream of data
        out.start_encoding()
        for stream in streams:
            for packet in encode(stream.codec_context, grey_ramp(2), "yuvj420p"):
                packet.stream = stream
                out.mux(packet)
    info, _ = decode(tmp_path / "clip.mov")
    choice = "Video stream 0 of 2 (mjpeg, 64×48) is converted; for another: --stream 1 (mjpeg, 64×48)."
    assert info.notices == (choice,)  # the time code is kept
    assert info.time_code == "01:00:00:00"


def write_streams(path: Path, sizes: Sequence[tuple[int, int]], default: int = 0) -> None:
    """A file with several video streams, each of other pictures."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("mpeg2video", rate=25) for _ in sizes]
        for i, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
            configure(stream.codec_context, "yuv420p", grey_ramp(1, *size)[0], {})
            stream.codec_context.time_base = Fraction(1, 25)
            stream.disposition = Disposition.default if i == default else Disposition(0)
        out.start_encoding()
        for stream, size in zip(streams, sizes, strict=True):
            for packet in encode(stream.codec_context, grey_ramp(3, *size), "yuv420p"):
                packet.stream, packet.time_base = stream, Fraction(1, 25)
                out.mux(packet)


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mov"])
def test_one_of_several_streams(tmp_path: Path, suffix: str) -> None:
    write_streams(tmp_path / f"clip.{suffix}", [(64, 48), (80, 48), (96, 48)])
    for number, width in ((None, 64), (0, 64), (1, 80), (2, 96)):
        info, batches = decode(tmp_path / f"clip.{suffix}", stream=number)
        assert {batch.planes[0].shape[2] for batch in batches} == {info.width} == {width}
        assert sum(len(batch) for batch in batches) == 3
        (notice,) = info.notices
        assert notice.startswith(f"Video stream {number or 0} of 3 (mpeg2video, {width}×48) is converted")
        assert notice.count("--stream") == 2
        assert f"--stream {number or 0}" not in notice


def test_the_stream_that_is_marked_as_the_default_is_taken(tmp_path: Path) -> None:
    write_streams(tmp_path / "clip.mkv", [(64, 48), (80, 48)], default=1)
    assert decode(tmp_path / "clip.mkv")[0].width == 80


@pytest.mark.parametrize(("sizes", "there"), [(1, "one video stream, which is 0"), (2, "video streams 0 to 1")])
def test_a_stream_that_is_not_there(tmp_path: Path, sizes: int, there: str) -> None:
    write_streams(tmp_path / "clip.mkv", [(64, 48)] * sizes)
    with pytest.raises(InputError, match=rf"clip\.mkv: has no video stream 2; it has {there}"):
        decode(tmp_path / "clip.mkv", stream=2)


def test_cover_art_is_said(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(2), cover=png())
    assert decode(tmp_path / "clip.mkv")[0].notices == ("Cover art (stream 1) is not kept.",)


def test_interlaced_pictures_are_said(tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme"}
    with av.open(str(tmp_path / "clip.mkv"), "w") as out:
        stream = out.add_stream("mpeg2video", rate=25, options=options)
        configure(stream.codec_context, "yuv420p", grey_ramp(1)[0], {})
        stream.codec_context.time_base = Fraction(1, 25)
        for i, planes in enumerate(grey_ramp(2)):
            frame = frame_from_planes(planes, "yuv420p")
            frame.pts = i
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    info, _ = decode(tmp_path / "clip.mkv")
    assert [notice.split(":")[0] for notice in info.notices] == ["Interlaced (bottom field first)"]


# What the stream says


def test_tags_are_believed(tmp_path: Path) -> None:
    tags = {"color_range": 1, "color_primaries": 9, "color_trc": 14, "colorspace": 9}
    write_clip(tmp_path / "clip.mkv", [random_planes("yuv420p10le")], "yuv420p10le", tags=tags)
    info, _ = decode(tmp_path / "clip.mkv")
    signal = info.signal
    assert (signal.matrix, signal.primaries) == (Matrix.BT2020_NCL, Primaries.BT2020)
    assert signal.transfer is Transfer.BT2020_10
    assert (signal.signal_range, signal.chroma_location) == (SignalRange.LIMITED, ChromaLocation.TOP_LEFT)
    assert info.guesses == ()  # BT.2020 itself says where chroma lies
    assert (info.codec, info.container, info.time_base) == ("ffv1", "matroska,webm", Fraction(1, 1000))


def test_what_is_not_said_is_guessed_and_reported(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1))
    info, _ = decode(tmp_path / "clip.mkv")
    assert (info.signal.matrix, info.signal.transfer) == (Matrix.SMPTE170M, Transfer.BT709)
    assert [g.field for g in info.guesses] == ["range", "matrix", "transfer", "primaries", "chroma location"]


def test_the_user_is_believed_above_all(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1), tags={"color_trc": 16, "colorspace": 5, "color_range": 1})
    overrides = SignalOverrides(
        Matrix.BT709, SignalRange.FULL, Transfer.SRGB, Primaries.SMPTE432, ChromaLocation.CENTER
    )
    info, _ = decode(tmp_path / "clip.mkv", overrides=overrides)
    s = info.signal
    assert (s.matrix, s.signal_range, s.transfer, s.primaries, s.chroma_location) == (
        *(Matrix.BT709, SignalRange.FULL, Transfer.SRGB, Primaries.SMPTE432, ChromaLocation.CENTER),
    )
    assert info.guesses == ()


def test_rgb_and_grey_are_full_range(tmp_path: Path) -> None:
    for pixel_format in ("gbrp10le", "gray"):
        write_clip(tmp_path / "clip.mkv", [random_planes(pixel_format)], pixel_format)
        info, _ = decode(tmp_path / "clip.mkv")
        assert (info.signal.matrix, info.signal.signal_range) == (Matrix.IDENTITY, SignalRange.FULL)


def test_jpeg_pictures_are_full_range_with_centred_chroma(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.avi", grey_ramp(2), "yuvj420p", "mjpeg")
    info, _ = decode(tmp_path / "clip.avi")
    assert (info.signal.signal_range, info.signal.chroma_location) == (SignalRange.FULL, ChromaLocation.CENTER)


def test_a_false_rgb_tag_on_ycbcr_is_not_believed(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.nut", grey_ramp(1), tags={"colorspace": 0})
    assert decode(tmp_path / "clip.nut")[0].signal.matrix is Matrix.SMPTE170M


def test_rotation_and_pixel_shape(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "clip.mp4"), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        configure(stream.codec_context, "yuv420p", grey_ramp(1)[0], {})
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.set_display_rotation(90)
        out.start_encoding()
        for packet in encode(stream.codec_context, grey_ramp(1), "yuv420p"):
            packet.stream = stream
            out.mux(packet)
    info, _ = decode(tmp_path / "clip.mp4")
    assert info.sample_aspect_ratio == Fraction(4, 3)
    assert info.display_matrix is not None
    assert info.display_matrix[0] == 0
    assert abs(info.display_matrix[1]) == 1 << 16


def test_motion_jpeg_with_exif_is_turned(tmp_path: Path) -> None:
    """PyAV does not know the side data that FFmpeg keeps EXIF in."""
    orientation = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x112, 3, 1, 6, 0, 0)
    exif = b"\xff\xe1" + struct.pack(">H", 8 + len(orientation)) + b"Exif\0\0" + orientation
    with av.open(str(tmp_path / "clip.avi"), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        configure(stream.codec_context, "yuvj420p", grey_ramp(1)[0], {})
        out.start_encoding()
        for packet in encode(stream.codec_context, grey_ramp(1), "yuvj420p"):
            data = bytes(packet)
            turned = av.Packet(data[:2] + exif + data[2:])
            turned.pts, turned.dts, turned.time_base = packet.pts, packet.dts, packet.time_base
            turned.stream, turned.is_keyframe = stream, True
            out.mux(turned)
    info, _ = decode(tmp_path / "clip.avi")
    assert orientation_of(info.display_matrix) == Orientation(transposed=True, mirrored=True)  # a quarter to the right


# Time


def test_variable_frame_rate_is_exact(tmp_path: Path) -> None:
    pts = [7, 40, 41, 300, 1000]
    write_clip(tmp_path / "clip.mkv", grey_ramp(5), pts=pts)
    _, batches = decode(tmp_path / "clip.mkv")
    assert all_pts(batches) == pts
    assert lumas(batches) == [16, 20, 24, 28, 32]


def test_a_raw_stream_has_increasing_times(tmp_path: Path) -> None:
    (tmp_path / "clip.h264").write_bytes(raw_stream("libx264", grey_ramp(5)))
    _, batches = decode(tmp_path / "clip.h264")
    assert len(all_pts(batches)) == 5
    assert all(a < b for a, b in pairwise(all_pts(batches)))
    assert lumas(batches) == [16, 20, 24, 28, 32]


# Packets of other streams


def test_all_packets_arrive_unchanged(tmp_path: Path) -> None:
    sound = write_clip(tmp_path / "clip.mkv", grey_ramp(5), audio_seconds=(0.2, 0.6), cover=png(), chapter=True)
    with VideoSource(str(tmp_path / "clip.mkv")) as source:
        batches = list(source.batches(2))
        assert [s.type for s in source.companions.streams] == ["audio", "audio"]
        assert len(source.companions.chapters) == 1
        found = packets_by_stream(batches)
        assert [b"".join(found[i]) for i in (1, 2)] == [b"".join(track) for track in sound]
        times = [p.pts * p.time_base for b in batches for p in b.packets if p.stream_index == 2]
        assert times == [Fraction(50 * i, 1000) for i in range(len(times))]


def test_one_batch_holds_everything(tmp_path: Path) -> None:
    sound = write_clip(tmp_path / "clip.mkv", grey_ramp(2), audio_seconds=(1.0,))
    _, batches = decode(tmp_path / "clip.mkv", 16)
    assert len(batches) == 1
    assert b"".join(packets_by_stream(batches)[1]) == b"".join(sound[0])


def test_waiting_packets_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion_packets, "MAX_WAITING", 1000)
    write_clip(tmp_path / "clip.mkv", grey_ramp(2), audio_seconds=(1.0,))
    with pytest.raises(InputError, match="audio without a picture"):
        decode(tmp_path / "clip.mkv")


def test_packets_before_an_excerpt_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companion_packets, "MAX_WAITING", 6400)  # 0.4 s
    sound = write_clip(tmp_path / "clip.mkv", grey_ramp(50), audio_seconds=(2.0,))
    with stdin_from(tmp_path / "clip.mkv"):  # can't be searched
        _, batches = decode("-", start=Fraction("1.6"))
    assert lumas(batches) == [16 + 4 * i for i in range(40, 50)]
    assert packets_by_stream(batches)[1] == sound[0][32:]


# Excerpts


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mkv", "ffv1", {}),
        ("mp4", "libx264", {"qp": "0", "g": "8"}),
        ("ts", "libx264", {"qp": "0", "g": "8"}),
        ("nut", "ffv1", {}),
    ],
)
@pytest.mark.parametrize("first", [0, 1, 9, 23])
def test_start_and_frames(tmp_path: Path, suffix: str, codec: str, options: dict[str, str], first: int) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_clip(path, grey_ramp(24), codec=codec, options=options, pts=[1000 + 40 * i for i in range(24)])
    _, batches = decode(path, start=Fraction(40 * first, 1000), frames=3)
    assert lumas(batches) == [16 + 4 * i for i in range(first, min(first + 3, 24))]
    assert seconds(batches) == [Fraction(40 * i, 1000) for i in range(len(seconds(batches)))]


def test_packets_of_an_excerpt(tmp_path: Path) -> None:
    sound = write_clip(tmp_path / "clip.mkv", grey_ramp(25), audio_seconds=(1.0,), chapter=True)
    with VideoSource(str(tmp_path / "clip.mkv"), SourceOptions(start=Fraction("0.41"), frames=4)) as source:
        batches = list(source.batches(3))
        assert source.companions.chapters == ()
    assert lumas(batches) == [16 + 4 * i for i in (11, 12, 13, 14)]  # 0.44 to 0.60 s
    packets = [p for b in batches for p in b.packets]
    assert [bytes(p) for p in packets] == sound[0][8:12]  # 0.40 to 0.60 s
    assert [p.pts * p.time_base for p in packets] == [Fraction(t, 100) for t in (-4, 1, 6, 11)]
    assert [len(b.packets) for b in batches] == [4, 0]  # 0.44 to 0.56 s, 0.56 to 0.60 s


def test_frames_beyond_the_end_keep_all_packets(tmp_path: Path) -> None:
    sound = write_clip(tmp_path / "clip.mkv", grey_ramp(3), audio_seconds=(0.5,))
    _, batches = decode(tmp_path / "clip.mkv", frames=50)
    assert b"".join(packets_by_stream(batches)[1]) == b"".join(sound[0])


def test_a_start_beyond_the_end(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(3))
    with pytest.raises(InputError, match=r"ends before the start at 00:00:05\.000; it is 00:00:00\.120 long"):
        decode(tmp_path / "clip.mkv", start=Fraction(5))


def test_no_frames_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 frames"):
        VideoSource(str(tmp_path / "clip.mkv"), SourceOptions(frames=0))


# Standard input


def test_standard_input(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(6), audio_seconds=(0.3,))
    expected = [16 + 4 * i for i in range(6)]
    for options, wanted in (({}, expected), ({"start": Fraction("0.08"), "frames": 2}, expected[2:4])):
        with stdin_from(tmp_path / "clip.mkv"):
            info, batches = decode("-", **options)
        assert info.name == "-"
        assert lumas(batches) == wanted
        assert packets_by_stream(batches)[1]


def test_an_mp4_with_its_index_behind_from_a_pipe(tmp_path: Path) -> None:
    noise = [random_planes("yuv420p", 320, 240)] * 10
    write_clip(tmp_path / "clip.mp4", noise, codec="libx264", options={"qp": "0", "g": "1", "preset": "ultrafast"})
    with stdin_from(tmp_path / "clip.mp4"), pytest.raises(InputError, match="faststart, or name the file"):
        decode("-")


# Errors


def test_what_is_no_video_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "cover.png.mkv").touch()
    for name, message in {
        "missing.mp4": "No such file or directory",
        "empty.mp4": "empty file",
        "text.mp4": "not a media file",
        ".": "Is a directory",
    }.items():
        with pytest.raises(InputError, match=message) as caught:
            decode(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    (tmp_path / "clip.mkv").touch(0)
    with pytest.raises(InputError, match="Permission denied"):
        decode(tmp_path / "clip.mkv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter everything")
def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o600)
    with pytest.raises(InputError, match="Permission denied"):
        decode(tmp_path / "closed" / "clip.mkv")


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="File name too long"):
        decode(tmp_path / ("x" * 300))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names in Unicode")
def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1))
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mkv")
    (tmp_path / "clip.mkv").rename(name)
    assert lumas(decode(name, start=Fraction(0))[1]) == [16]


def test_a_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(opening.NETWORK, "rw_timeout", "200000")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(InputError, match="can't be opened"):
        decode(f"http://127.0.0.1:{server.getsockname()[1]}/clip.mp4")


def test_a_name_with_colons_and_signs(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1))
    odd = (tmp_path / "clip.mkv").rename(tmp_path / "http:a %03d [x].mkv")
    assert lumas(decode(odd)[1]) == [16]


def test_a_local_playlist_does_not_reach_the_network(tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError):
        decode(tmp_path / "list.m3u8")


def test_sound_and_cover_art_are_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "song.mkv"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        out.add_attachment("cover.png", "image/png", png())
        packet = av.Packet(bytes(800))
        packet.pts = packet.dts = 0
        packet.stream, packet.time_base = stream, Fraction(1, 8000)
        out.mux(packet)
    with pytest.raises(InputError, match=r"only a still picture \(cover art\), no video stream"):
        decode(tmp_path / "song.mkv")


@pytest.mark.parametrize(("code", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_refused(tmp_path: Path, code: int, name: str) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1), tags={"color_trc": code})
    with pytest.raises(InputError, match=rf"already HDR \({name}\)"):
        VideoSource(str(tmp_path / "clip.mkv"))


def test_hdr_that_only_the_pictures_tell_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.mp4", grey_ramp(2), codec="libx264", tags={"color_trc": 16})
    content = (tmp_path / "clip.mp4").read_bytes().replace(b"colrnclx", b"freenclx")
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(InputError, match="already HDR"):
        VideoSource(str(tmp_path / "clip.mp4"))


def test_a_change_to_hdr_is_refused(tmp_path: Path) -> None:
    sdr, hdr = raw_stream("libx264", grey_ramp(4)), raw_stream("libx264", grey_ramp(4), color_trc=16, color_primaries=9)
    (tmp_path / "clip.h264").write_bytes(sdr + hdr)
    with pytest.raises(InputError, match="already HDR"):
        decode(tmp_path / "clip.h264")


def test_a_change_of_size_is_scaled_where_that_is_asked_for(tmp_path: Path) -> None:
    small, large = grey_ramp(4), grey_ramp(4, 96, 64)
    (tmp_path / "clip.h264").write_bytes(raw_stream("libx264", small) + raw_stream("libx264", large))
    info, batches = decode(tmp_path / "clip.h264", scales=True)
    assert [tuple(plane.shape[1:]) for plane in batches[-1].planes] == [(48, 64), (24, 32), (24, 32)]
    expected = lumas(decode_whole(tmp_path, small)) + lumas(decode_whole(tmp_path, large))
    assert lumas(batches) == expected
    assert len(set(all_pts(batches))) == 8
    assert any(notice.startswith("Pictures change to 96×64 yuv420p at ") for notice in info.notices)


def decode_whole(folder: Path, pictures: list[Planes]) -> list[SignalBatch]:
    (folder / "alone.h264").write_bytes(raw_stream("libx264", pictures))
    return decode(folder / "alone.h264")[1]


def test_a_change_of_size_is_refused(tmp_path: Path) -> None:
    small, large = grey_ramp(4), grey_ramp(4, 96, 64)
    (tmp_path / "clip.h264").write_bytes(raw_stream("libx264", small) + raw_stream("libx264", large))
    with pytest.raises(InputError, match=r"change from 64×48 yuv420p to 96×64 yuv420p at 00:00:00\.\d{3}"):
        decode(tmp_path / "clip.h264")


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"color_trc": 8}, "transfer LINEAR"),
        ({"colorspace": 8}, "matrix YCGCO"),
        ({"colorspace": 12}, "matrix code 12"),
        ({"color_primaries": 10}, "primaries code 10"),
    ],
)
def test_unsupported_signals(tmp_path: Path, tags: dict[str, int], message: str) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1), tags=tags)
    with pytest.raises(InputError, match=message):
        VideoSource(str(tmp_path / "clip.mkv"))


@pytest.mark.parametrize(("pixel_format", "words"), [("gbrpf32le", "gbrpf32le"), ("xyz12le", "of digital cinema")])
def test_an_unsupported_pixel_format(tmp_path: Path, pixel_format: str, words: str) -> None:
    with av.open(str(tmp_path / "clip.nut"), "w") as out:
        stream = out.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 8, pixel_format
        out.mux(stream.encode(av.VideoFrame(16, 8, pixel_format)))
    with pytest.raises(InputError, match=rf"clip\.nut: pixel format .*{words}.* not supported; convert it first"):
        VideoSource(str(tmp_path / "clip.nut"))


def damaged_clip(path: Path, count: int, *damaged: int) -> Path:
    """A clip of a codec that FFmpeg decodes in one thread, so that nothing depends on the machine."""
    write_clip(path / "clip.avi", grey_ramp(count), "yuvj420p", "mjpeg", damage=dict.fromkeys(damaged, b"junk" * 50))
    return path / "clip.avi"


def test_damage_is_named_with_its_time(tmp_path: Path) -> None:
    with VideoSource(str(damaged_clip(tmp_path, 5, 3))) as source:
        batches = source.batches(1)
        assert [next(batches).timings[0].pts for _ in range(2)] == [0, 40]
        with pytest.raises(InputError, match=r"undecodable at 00:00:00\.120"):
            list(batches)


@pytest.mark.parametrize("damaged", [(3,), (2, 3), (4,), (1, 3)])
def test_damage_is_replaced_by_the_picture_before_where_that_is_asked_for(
    tmp_path: Path, damaged: tuple[int, ...]
) -> None:
    path = damaged_clip(tmp_path, 5, *damaged)
    with VideoSource(str(path), SourceOptions(repeats=True)) as source:
        batches = list(source.batches(2))
        assert all_pts(batches) == [0, 40, 80, 120, 160]
        levels = lumas(decode(damaged_clip(tmp_path, 5))[1])
        for number in damaged:
            levels[number] = levels[number - 1]
        assert lumas(batches) == levels
        first = clock(Fraction(40 * damaged[0], 1000))
        assert source.info.notices[-1] == (
            f"{len(damaged)} damaged pictures were replaced by the one before, the first at {first}."
        )


def test_a_whole_clip_is_the_same_where_damage_would_be_replaced(tmp_path: Path) -> None:
    pictures = [random_planes("yuv420p", seed=i) for i in range(7)]
    write_clip(tmp_path / "clip.mkv", pictures, codec="libx264", options={"bf": "2", "qp": "0"})
    expected = decode(tmp_path / "clip.mkv")[1]
    with VideoSource(str(tmp_path / "clip.mkv"), SourceOptions(repeats=True)) as source:
        found = list(source.batches(2))
        assert not source.info.notices
    assert all_pts(found) == all_pts(expected)
    assert all(torch.equal(a.planes[0], b.planes[0]) for a, b in zip(found, expected, strict=True))


def test_damage_before_the_first_picture_is_skipped_and_said(tmp_path: Path) -> None:
    info, batches = decode(damaged_clip(tmp_path, 3, 0))
    assert seconds(batches) == [Fraction(40, 1000), Fraction(80, 1000)]
    assert info.notices == ("1 damaged packets before the first picture were skipped.",)


def test_nothing_but_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = damaged_clip(tmp_path, 3, 0, 1, 2)
    with pytest.raises(InputError, match="no decodable picture"):
        decode(path)
    monkeypatch.setattr(pictures, "MAX_DAMAGED", 1)
    with pytest.raises(InputError, match="undecodable at"):
        decode(path)


def test_damage_at_the_end_is_not_silent(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_clip(path, [random_planes("gray")] * 5, "gray", "png", damage={3: b"junk" * 50})
    with pytest.raises(InputError, match=r"undecodable at 00:00:00\.120 "):  # FFmpeg itself may drop it, or not
        decode(path)


def test_damage_at_the_end_of_packed_pictures_is_said(tmp_path: Path) -> None:
    """Where packets may be without a picture, an error could be false."""
    write_clip(tmp_path / "clip.avi", grey_ramp(5), codec="mpeg4", damage={4: b"junk" * 50})
    info, batches = decode(tmp_path / "clip.avi")
    assert len(all_pts(batches)) == 4
    assert "could not be decoded" in info.notices[-1]


def test_huge_pictures_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(1))
    monkeypatch.setattr(opening, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(InputError, match="64×48 are larger"):
        VideoSource(str(tmp_path / "clip.mkv"))


# Life and death


def entries(folder: str) -> int:
    return len(list(Path(folder).iterdir()))


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize("taken", [0, 1, 2])
def test_closed_early_it_leaves_nothing(tmp_path: Path, taken: int) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(8), codec="libx264", audio_seconds=(0.3,))
    gc.collect()  # encoders of clips wait for it, with their threads
    before, files = entries("/proc/self/task"), entries("/proc/self/fd")
    with VideoSource(str(tmp_path / "clip.mkv")) as source:
        batches = source.batches(2)
        for _ in range(taken):
            next(batches)
        batches.close()
    del source, batches
    gc.collect()
    for _ in range(100):  # the kernel takes a joined thread off its list a moment later
        if entries("/proc/self/task") <= before:
            break
        time.sleep(0.05)
    assert entries("/proc/self/task") <= before and entries("/proc/self/fd") == files


def test_going_on_after_closing_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", grey_ramp(50))
    with VideoSource(str(tmp_path / "clip.mkv")) as source:
        batches = source.batches(2)
        next(batches)
    with pytest.raises(ValueError, match="is closed"):
        list(batches)


def test_ffmpeg_is_quiet(tmp_path: Path) -> None:
    code = "import sys; from tsexpand.codecs.decode import VideoSource; list(VideoSource(sys.argv[1]).batches(2))"
    path = damaged_clip(tmp_path, 3, 0)
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize("pyramid", ["none", "normal"])
def test_avi_of_reordered_pictures(tmp_path: Path, pyramid: str) -> None:
    """AVI has no times but the order of packets, which is not that of pictures."""
    with av.open(str(tmp_path / "clip.avi"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"x264-params": f"b-adapt=0:bframes=3:b-pyramid={pyramid}"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 16 + 10 * level, np.uint8), "yuv420p")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    info, batches = decode(tmp_path / "clip.avi")
    levels = [int(batch.planes[0][i].float().mean().round()) for batch in batches for i in range(len(batch))]
    assert levels == pytest.approx([16 + 10 * level for level in range(20)], abs=2)
    times = [timing.seconds for batch in batches for timing in batch.timings]
    assert {after - before for before, after in pairwise(times)} == {Fraction(1, 25)}
    assert not any("repaired" in notice for notice in info.notices)

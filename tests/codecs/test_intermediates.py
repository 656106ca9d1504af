"""Files to be worked on or kept (ProRes, DNxHR, FFV1), as outside witnesses and we ourselves read them."""

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from torch import Tensor

from tests.codecs.written import FAST, INFO, ffprobe, moving_ramp, side_data, witness, write_video
from tsexpand.codecs.companions import Companions
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.encoders import LIBRARIES, EncoderOptions, library_of, refuse_mismatch
from tsexpand.codecs.ffv1 import damaged_pictures, damaged_slices
from tsexpand.codecs.light_level import declared_metadata
from tsexpand.codecs.mux import Container
from tsexpand.codecs.pixels import planes_from_frames
from tsexpand.codecs.source_options import AS_HDR
from tsexpand.colour.codes import Matrix, Primaries, Transfer
from tsexpand.colour.hdr10 import ContentLight
from tsexpand.colour.signal import HLG10
from tsexpand.errors import OutputError

LARGE = replace(INFO, width=256, height=128)
FILES = [(codec, c) for codec, library in LIBRARIES.items() if library.quality is None for c in library.containers]
EVERYWHERE = pytest.mark.parametrize(("codec", "container"), FILES)
CODECS = pytest.mark.parametrize("codec", dict(FILES))
EXPECTED = {
    "prores": ("prores", "yuv422p10le", "HQ", "apch"),
    "prores_4444": ("prores", "yuv444p12le", "4444", "ap4h"),  # FFmpeg takes 10 bit and reads 12
    "dnxhr": ("dnxhd", "yuv422p10le", "DNXHR HQX", "AVdh"),
    "ffv1": ("ffv1", "yuv444p12le", None, None),
}


def decoded(path: Path) -> tuple[Tensor, ...]:
    with av.open(str(path)) as source:
        return planes_from_frames(list(source.decode(video=0)))


@EVERYWHERE
def test_colour_and_format(tmp_path: Path, codec: str, container: Container) -> None:
    write_video(tmp_path / "clip.part", container, codec, info=LARGE)
    name, pixel_format, profile, tag = EXPECTED[codec]
    seen = ffprobe(tmp_path / "clip.part")
    video = seen["streams"][0]
    # DNxHR and ProRes name the matrix in each picture, too, and decoders believe that rather than the container.
    assert {frame["color_space"] for frame in seen["frames"]} == {"bt2020nc"}
    with VideoSource(str(tmp_path / "clip.part"), AS_HDR) as source:
        found = source.info.signal
    assert (found.primaries, found.transfer, found.matrix) == (Primaries.BT2020, Transfer.PQ, Matrix.BT2020_NCL)
    expected = {
        "codec_name": name,
        "pix_fmt": pixel_format,
        "color_range": "tv",
        "color_space": "bt2020nc",
        "color_transfer": "smpte2084",
        "color_primaries": "bt2020",
        "avg_frame_rate": "2/1",
    }
    expected |= {"profile": profile, "codec_tag_string": tag} if container is Container.MOV else {}
    assert {key: video.get(key) for key in expected} == expected


@EVERYWHERE
def test_the_static_metadata_is_in_the_container(tmp_path: Path, codec: str, container: Container) -> None:
    write_video(tmp_path / "clip.part", container, codec, info=LARGE)
    declared = declared_metadata(tmp_path / "clip.part", library_of(codec).coding.value)
    assert (declared.container_levels, declared.container_displays) == ((ContentLight(1234, 256),), 1)
    assert declared.keyframe_displays == ()
    video = ffprobe(tmp_path / "clip.part")["streams"][0]
    display, light = side_data(video, "Mastering display"), side_data(video, "Content light")
    assert (float(Fraction(display["red_x"])), float(Fraction(display["max_luminance"]))) == (0.68, 1000)
    assert (light["max_content"], light["max_average"]) == (1234, 256)


@EVERYWHERE
def test_hlg(tmp_path: Path, codec: str, container: Container) -> None:
    write_video(tmp_path / "clip.part", container, codec, info=LARGE, signal=HLG10, light=None)
    video = ffprobe(tmp_path / "clip.part")["streams"][0]
    assert video["color_transfer"] == "arib-std-b67"
    assert "Mastering" not in str(video.get("side_data_list"))


@pytest.mark.parametrize("codec", ["prores", "prores_4444", "dnxhr"])
def test_quicktime_boxes_and_time_code(tmp_path: Path, codec: str) -> None:
    timed = Companions(video_metadata={"timecode": "10:00:00:00"})
    info = replace(LARGE, frame_rate=Fraction(24), sample_aspect_ratio=Fraction(4, 3))
    times = [(i, 1) for i in range(5)]
    assert write_video(tmp_path / "clip.part", Container.MOV, codec, times, info=info, companions=timed) == ()
    content = (tmp_path / "clip.part").read_bytes()
    assert b"colrnclc" + struct.pack(">3H", 9, 16, 9) in content
    assert codec == "dnxhr" or b"fiel\1" in content  # progressive
    assert b"pasp" + struct.pack(">2I", 4, 3) in content
    assert b"glbl" not in content
    assert content.index(b"moov") < content.index(b"mdat")
    seen = ffprobe(tmp_path / "clip.part")
    assert [s.get("codec_tag_string") for s in seen["streams"]] == [EXPECTED[codec][3], "tmcd"]
    assert seen["streams"][0]["tags"]["timecode"] == "10:00:00:00"


@CODECS
@pytest.mark.parametrize("size", [(256, 128), (301, 203)])
def test_pictures_come_back(tmp_path: Path, codec: str, size: tuple[int, int]) -> None:
    info = replace(INFO, width=size[0], height=size[1])
    write_video(tmp_path / "clip.part", LIBRARIES[codec].containers[0], codec, info=info)
    written, read = moving_ramp(5, info, codec), decoded(tmp_path / "clip.part")
    finer = 4 if codec == "prores_4444" else 1
    for before, after in zip(written, read, strict=True):
        height, width = before.shape[1:]
        error = after[:, :height, :width].double() / finer - before.double()
        if codec == "ffv1":
            assert after.shape == before.shape and not error.any()
        assert error.square().mean().sqrt() < 3  # of 1023, on a saw tooth


@CODECS
def test_every_picture_stands_alone_with_its_time(tmp_path: Path, codec: str) -> None:
    container = LIBRARIES[codec].containers[0]
    write_video(tmp_path / "clip.part", container, codec, info=LARGE, times=[(40, 12), (52, 20), (72, 0)])
    with av.open(str(tmp_path / "clip.part")) as source:
        packets = [p for p in source.demux(video=0) if p.size]
    assert all(p.is_keyframe for p in packets)
    assert [round(p.pts * p.time_base * 24, 1) for p in packets if p.pts is not None] == [40, 52, 72]


def test_ffv1_is_version_3_with_slices_and_checksums(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, Container.MKV, "ffv1", info=LARGE)
    seen = witness("mediainfo", str(path))
    for line in ("Version 3.4", "Compression mode                         : Lossless", "4:4:4", "12 bits", "ST 2086"):
        assert line in seen, seen


def test_a_changed_bit_of_ffv1_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, Container.MKV, "ffv1", info=LARGE)
    with av.open(str(path)) as source:
        packets = [bytes(packet) for packet in source.demux(video=0) if packet.size]
    assert damaged_pictures(path) == []
    content, third = path.read_bytes(), path.read_bytes().index(packets[2])
    for at in (0, 1, 700, len(packets[2]) // 2, len(packets[2]) - 8, len(packets[2]) - 1):
        path.write_bytes(content[: third + at] + bytes([content[third + at] ^ 16]) + content[third + at + 1 :])
        assert damaged_pictures(path) == [2], at
    assert damaged_slices(b"") == 0 and damaged_slices(b"short") == 1


@pytest.mark.parametrize(("codec", "name"), [("prores", "422 HQ"), ("prores_4444", "4444"), ("dnxhr", "RI@HQX")])
def test_mediainfo_sees_the_profile_and_hdr10(tmp_path: Path, codec: str, name: str) -> None:
    write_video(tmp_path / "clip.mov", Container.MOV, codec, info=LARGE)
    seen = witness("mediainfo", str(tmp_path / "clip.mov"))
    for line in (
        f": {name}\n",
        "HDR10 compatible",
        "BT.2020 non-constant",
        ": PQ\n",
        "Progressive",
        "1234",
        "Display P3",
    ):
        assert line in seen, seen


def test_pictures_too_small_for_dnxhr_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"dnxhd .* at 64×48 .* from 256×120 on; try prores"):
        write_video(tmp_path / "clip.part", Container.MOV, "dnxhr")


REFUSED: list[tuple[EncoderOptions, Container, str]] = [
    (EncoderOptions("prores"), Container.MP4, "MP4 does not hold prores; use .mov or .mkv, or one of hevc, av1, hevc_"),
    (
        EncoderOptions("ffv1"),
        Container.MOV,
        "MOV does not hold ffv1; use .mkv, or one of hevc, hevc_nvenc, prores, pror",
    ),
    (EncoderOptions("dnxhr"), Container.MKV, "MKV does not hold dnxhr; use .mov, or one of hevc, av1"),
    (EncoderOptions("prores", crf=12), Container.MOV, "prores has neither crf nor preset to choose; leave them out"),
    (EncoderOptions("ffv1", preset="slow"), Container.MKV, "ffv1 has neither crf nor preset to choose; leave them out"),
]


@pytest.mark.parametrize(("options", "container", "message"), REFUSED)
def test_what_does_not_go_together_is_refused(options: Any, container: Container, message: str) -> None:
    with pytest.raises(OutputError, match=f"^x: {message}"):
        refuse_mismatch(Path("x"), container, options)


def test_the_table_is_what_the_muxers_take(tmp_path: Path) -> None:
    """Each container that FFmpeg itself gives a codec a home in; FFV1 in MP4 is FFmpeg's own invention."""
    for codec in FAST:
        for container in LIBRARIES[codec].containers:
            write_video(tmp_path / "clip.part", container, codec)

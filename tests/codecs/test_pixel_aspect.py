"""The pixel aspect in Matroska's header, of every coding, in files and streams."""

import re
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import pytest

from tests.codecs.written import INFO, ffprobe, side_data, steady, witness, write_video
from tsexpand.codecs.companions import Companions
from tsexpand.codecs.ebml import element, elements, number, text, void
from tsexpand.codecs.mux import Container, EncoderOptions, VideoWriter
from tsexpand.codecs.pixel_aspect import ROOM, AspectStated, patch_pixel_aspect
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.signal import HDR10
from tsexpand.frames import VideoInfo

CODECS = pytest.mark.parametrize("codec", ["hevc", "av1", "prores", "prores_4444", "ffv1"])
LARGE = replace(INFO, width=256, height=144)
WIDE = Fraction(64, 45)
"""Of PAL at 16:9, as FFmpeg has it."""


def aspect_of(header: bytes) -> tuple[list[int], Fraction]:
    """The display's width, height and unit as they stand there, and a pixel's aspect by them."""
    found = [re.search(kind + b"([\x81-\x84])", header) for kind in (b"\x54\xb0", b"\x54\xba", b"\x54\xb2")]
    assert all(found)
    values = [int.from_bytes(header[m.end() : m.end() + (m[1][0] & 0x7F)], "big") for m in found if m]
    return values, Fraction(values[0], values[1]) / Fraction(LARGE.width, LARGE.height)


@CODECS
@pytest.mark.parametrize("ratio", [Fraction(4, 3), WIDE, Fraction(8, 9), Fraction(10001, 20000)])
def test_every_coding_has_its_pixel_aspect(tmp_path: Path, codec: str, ratio: Fraction) -> None:
    path = tmp_path / "clip.part"
    assert write_video(path, Container.MKV, codec, info=replace(LARGE, sample_aspect_ratio=ratio)) == ()
    (_, _, unit), shown = aspect_of(path.read_bytes())
    assert unit == 3  # nothing but the ratio counts
    assert float(shown) == pytest.approx(float(ratio), rel=1e-4)
    assert shown == ratio or ratio.denominator > 255
    seen = ffprobe(path)
    assert float(Fraction(seen["streams"][0]["sample_aspect_ratio"].replace(":", "/"))) == pytest.approx(
        float(ratio), rel=0.01
    )
    assert len(seen["frames"]) == 5


@CODECS
def test_outside_witnesses_show_it_and_have_no_complaint(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, Container.MKV, codec, steady(9), info=replace(LARGE, sample_aspect_ratio=WIDE))
    assert "Display aspect ratio                     : 2.528" in witness("mediainfo", str(path))
    header = witness("mkvinfo", "-v", str(path))
    assert "Display width: 1024" in header and "Display height: 405" in header
    assert "Display unit: 3 (aspect ratio)" in header
    assert not re.search("error|unknown|Name: +$", header, re.IGNORECASE)
    light = side_data(ffprobe(path)["streams"][0], "Content light level")
    assert (light["max_content"], light["max_average"]) == (1234, 256)


def test_nothing_else_moves_and_every_frame_is_found(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mkv", Container.MKV, "ffv1", steady(9), info=LARGE)
    write_video(tmp_path / "wide.mkv", Container.MKV, "ffv1", steady(9), info=replace(LARGE, sample_aspect_ratio=WIDE))
    with av.open(tmp_path / "square.mkv") as square, av.open(tmp_path / "wide.mkv") as wide:
        for time in (3, 1, 2):
            for file in (square, wide):
                file.seek(time * 1_000_000)
            a, b = next(square.demux(video=0)), next(wide.demux(video=0))
            assert a.pts == b.pts == time * 1000
            assert bytes(a) == bytes(b) != b""
    assert "title" not in ffprobe(tmp_path / "wide.mkv")["streams"][0].get("tags", {})


@pytest.mark.parametrize("title", ["Main", "Main  ", "x" * 120, "ü" * 5000])
def test_the_name_of_the_track_is_kept(tmp_path: Path, title: str) -> None:
    named = Companions(video_metadata={"title": title, "language": "deu"})
    info = replace(LARGE, sample_aspect_ratio=WIDE)
    write_video(tmp_path / "clip.mkv", Container.MKV, "ffv1", info=info, companions=named)
    with av.open(tmp_path / "clip.mkv") as file:
        assert file.streams.video[0].metadata["title"] == title
        assert file.streams.video[0].metadata["language"] in ("deu", "ger")
        assert file.streams.video[0].sample_aspect_ratio == WIDE


@pytest.mark.parametrize("key", ["TITLE", "Title"])
def test_the_name_is_kept_however_its_key_is_written(tmp_path: Path, key: str) -> None:
    named = Companions(video_metadata={key: "Main"})
    info = replace(LARGE, sample_aspect_ratio=WIDE)
    write_video(tmp_path / "clip.mkv", Container.MKV, "ffv1", info=info, companions=named)
    with av.open(tmp_path / "clip.mkv") as file:
        assert file.streams.video[0].metadata["title"] == "Main"


def test_of_two_views_side_by_side_one_has_the_aspect(tmp_path: Path) -> None:
    stereo = Companions(video_metadata={"stereo_mode": "left_right"})
    info = replace(LARGE, sample_aspect_ratio=Fraction(4, 3))
    write_video(tmp_path / "clip.mkv", Container.MKV, "ffv1", info=info, companions=stereo)
    assert aspect_of((tmp_path / "clip.mkv").read_bytes())[0][:2] == [32, 27]  # 128 × 4/3 : 144
    with av.open(tmp_path / "clip.mkv") as file:
        assert file.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("ratio", [Fraction(2**31 - 1), Fraction(1, 2**31 - 1)])
def test_ratios_beyond_sense_are_stated_as_extreme(tmp_path: Path, ratio: Fraction) -> None:
    write_video(tmp_path / "clip.mkv", Container.MKV, "ffv1", info=LARGE)
    path = tmp_path / "made.mkv"
    video = number(0xB0, 256) + number(0xBA, 144) + number(0x54B2, 4)
    track = element(0xAE, text(0x536E, ROOM) + element(0xE0, video))
    path.write_bytes(element(0x1A45DFA3, b"") + element(0x18538067, element(0x1654AE6B, track)))
    length = path.stat().st_size
    patch_pixel_aspect(path, ratio)
    assert path.stat().st_size == length
    assert aspect_of(path.read_bytes())[0] in ([65535, 1, 3], [1, 65535, 3])


def test_a_file_without_room_is_left_alone(tmp_path: Path) -> None:
    named = Companions(video_metadata={"title": "Main"})
    path = tmp_path / "clip.mkv"
    write_video(path, Container.MKV, "ffv1", info=LARGE, companions=named)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="no room at byte"):
        patch_pixel_aspect(path, WIDE)
    path.write_bytes(before[:300])
    with pytest.raises(ValueError, match="no track is described"):
        patch_pixel_aspect(path, WIDE)


def written_to(stream: BytesIO, info: VideoInfo) -> bytes:
    """A Matroska stream without pictures."""
    options, display = EncoderOptions("hevc", preset="ultrafast"), mastering_display(1000)

    class Pipe:
        def write(self, data: bytes) -> int:
            return stream.write(data)

    writer = VideoWriter(Path("pipe.mkv"), Container.MKV, options, info, HDR10, display, Companions(), Pipe())
    writer.finish()
    writer.close()
    return stream.getvalue()


def test_streams_have_it_in_their_header() -> None:
    content = written_to(BytesIO(), replace(LARGE, sample_aspect_ratio=WIDE))
    assert aspect_of(content) == ([1024, 405, 3], WIDE)
    assert ROOM.encode() not in content


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_stream_passes_in_any_pieces(step: int) -> None:
    video = number(0xB0, 256) + number(0xBA, 144) + number(0x54B2, 4)
    track = element(0xAE, text(0x536E, "Main" + ROOM) + element(0xE0, video))
    head = element(0x1A45DFA3, b"") + bytes.fromhex("1853806701ffffffffffffff")  # a segment of unknown size
    whole = head + element(0x1654AE6B, track) + element(0x1F43B675, bytes(500))
    out = BytesIO()
    stream = AspectStated(out, WIDE)
    for at in range(0, len(whole), step):
        assert stream.write(whole[at : at + step]) == len(whole[at : at + step])
    assert len(out.getvalue()) == len(whole)
    assert aspect_of(out.getvalue()) == ([1024, 405, 3], WIDE)
    assert out.getvalue().endswith(bytes(500))


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 16382, 16383, 16384])
def test_elements_are_as_long_as_they_say(length: int) -> None:
    content = element(0xA3, bytes(length)) + number(0xE7, 5)
    first, second = elements(BytesIO(content), 0, len(content))
    assert (first.identity, first.end - first.body) == (0xA3, length)
    assert (second.identity, content[second.body : second.end]) == (0xE7, b"\5")


def test_void_is_of_every_length_that_it_can_have() -> None:
    for length in (0, *range(2, 129)):
        assert len(void(length)) == length
    for length in (1, 129):
        with pytest.raises(ValueError, match=f"no element of {length} bytes"):
            void(length)

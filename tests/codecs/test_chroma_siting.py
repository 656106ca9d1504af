"""Where chroma lies, as streams of every kind say it."""

import subprocess
from pathlib import Path

import av
import pytest

from tests.codecs.written import ffprobe, witness
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.description import SignalOverrides
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.colour.codes import ChromaLocation
from tsexpand.frames import VideoInfo

LEFT, CENTER, TOP_LEFT = ChromaLocation.LEFT, ChromaLocation.CENTER, ChromaLocation.TOP_LEFT
UNKNOWN = "chroma location left (not told)"


def write(path: Path, codec: str, pixel_format: str = "yuv420p", **encoder: str) -> None:
    """Two pictures."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=encoder)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        for number in range(2):
            frame = av.VideoFrame(64, 48, pixel_format)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def described(path: Path, **overrides: ChromaLocation) -> VideoInfo:
    options = SourceOptions(overrides=SignalOverrides(**overrides))  # type: ignore[arg-type]
    with VideoSource(str(path), options) as source:
        return source.info


def guessed(info: VideoInfo) -> list[str]:
    return [str(guess) for guess in info.guesses if guess.field == "chroma location"]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "location"),
    [
        ("a.mp4", "libx264", "yuv420p", LEFT),  # which is what they mean that say nothing
        ("a.mkv", "libx265", "yuv420p", LEFT),
        ("a.mkv", "mpeg2video", "yuv420p", LEFT),
        ("a.avi", "mpeg4", "yuv420p", LEFT),
        ("a.mpg", "mpeg1video", "yuv420p", CENTER),
        ("a.avi", "mjpeg", "yuvj420p", CENTER),
        ("a.avi", "mjpeg", "yuvj422p", CENTER),
        ("a.mov", "prores_ks", "yuv422p10le", LEFT),  # as BT.601 has it
        ("a.mkv", "ffv1", "yuv422p", LEFT),
        ("a.mov", "v210", "yuv422p10le", LEFT),
    ],
)
def test_what_a_standard_says_is_no_guess(
    tmp_path: Path, name: str, codec: str, pixel_format: str, location: ChromaLocation
) -> None:
    write(tmp_path / name, codec, pixel_format)
    info = described(tmp_path / name)
    assert info.signal.chroma_location is location
    assert guessed(info) == []


@pytest.mark.parametrize(
    ("name", "codec"), [("a.webm", "libvpx-vp9"), ("a.webm", "libvpx"), ("a.mkv", "ffv1"), ("a.mkv", "libsvtav1")]
)
def test_what_is_left_open_is_guessed(tmp_path: Path, name: str, codec: str) -> None:
    write(tmp_path / name, codec)
    info = described(tmp_path / name)
    assert info.signal.chroma_location is LEFT
    assert guessed(info) == [UNKNOWN]
    assert guessed(described(tmp_path / name, chroma_location=CENTER)) == []


STATED = [
    ("libx264", {"x264-params": "chromaloc=2"}, TOP_LEFT),
    ("libx264", {"x264-params": "chromaloc=1"}, CENTER),
    ("libx265", {"x265-params": "chromaloc=2:log-level=error"}, TOP_LEFT),
    ("libsvtav1", {"svtav1-params": "chroma-sample-position=topleft"}, TOP_LEFT),
    ("libsvtav1", {"svtav1-params": "chroma-sample-position=left"}, LEFT),
]


@pytest.mark.parametrize(("codec", "encoder", "location"), STATED)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_what_a_stream_states_is_believed(
    tmp_path: Path, codec: str, encoder: dict[str, str], location: ChromaLocation, suffix: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    write(path, codec, **encoder)
    info = described(path)
    assert (info.signal.chroma_location, guessed(info)) == (location, [])
    assert ffprobe(path)["streams"][0]["chroma_location"] == location.value


def test_what_a_container_states_is_believed(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", "ffv1", chroma_sample_location="topleft")  # FFV1 itself has no word for it
    info = described(tmp_path / "a.mkv")
    assert (info.signal.chroma_location, guessed(info)) == (TOP_LEFT, [])


@pytest.mark.parametrize(("name", "location"), [("420jpeg", CENTER), ("420mpeg2", LEFT), ("420paldv", TOP_LEFT)])
def test_y4m_says_it_in_its_header(tmp_path: Path, name: str, location: ChromaLocation) -> None:
    header = f"YUV4MPEG2 W16 H8 F25:1 Ip A1:1 C{name}\n".encode()
    (tmp_path / "a.y4m").write_bytes(header + (b"FRAME\n" + bytes([128]) * 192) * 2)
    info = described(tmp_path / "a.y4m")
    assert (info.signal.chroma_location, guessed(info)) == (location, [])


def test_dv_of_europe_has_chroma_at_the_top_left(tmp_path: Path) -> None:
    """Matroska takes no DV: this is known by its standard."""
    witness("ffmpeg", "-version")
    source = ("-f", "lavfi", "-i", "testsrc=size=720x576:rate=25:duration=0.1")
    command = ["ffmpeg", "-v", "error", *source, "-c:v", "dvvideo", "-pix_fmt", "yuv420p", str(tmp_path / "a.avi")]
    subprocess.run(command, check=True, timeout=60)
    info = described(tmp_path / "a.avi")
    assert (info.signal.chroma_location, guessed(info)) == (TOP_LEFT, [])


def test_without_subsampling_there_is_nothing_to_guess(tmp_path: Path) -> None:
    for pixel_format in ("yuv444p", "gbrp10le", "gray"):
        write(tmp_path / "a.mkv", "ffv1", pixel_format)
        assert guessed(described(tmp_path / "a.mkv")) == []


def test_parameters_of_any_length_are_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.mp4", "libx264")
    assert guessed(described(tmp_path / "a.mp4")) == []
    monkeypatch.setattr("tsexpand.codecs.chroma_siting._MOST_PARAMETERS", 10)
    assert guessed(described(tmp_path / "a.mp4")) == [UNKNOWN]

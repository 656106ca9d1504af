"""Files that end before their outermost parts do."""

import io
from pathlib import Path

import av
import pytest

from tests.codecs.input_clips import grey_ramp, write_clip
from tsexpand.codecs.ebml import element, real
from tsexpand.codecs.file_end import cut_off, missing_bytes, states_duration


def clip(folder: Path, name: str) -> Path:
    codec = {"clip.mkv": "ffv1", "clip.avi": "mjpeg"}.get(name, "libx264")
    write_clip(folder / name, grey_ramp(4), "yuvj420p" if codec == "mjpeg" else "yuv420p", codec)
    return folder / name


@pytest.mark.parametrize("name", ["clip.mkv", "clip.mp4", "clip.mov", "clip.avi"])
@pytest.mark.parametrize("missing", [0, 1, 300])
def test_missing_bytes_are_counted(tmp_path: Path, name: str, missing: int) -> None:
    path = clip(tmp_path, name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size - missing])
    assert cut_off(path) == (f"{missing} bytes are missing" if missing else None)


class OneWay(io.BytesIO):
    """A file that can't be gone back in, as a pipe."""

    def seekable(self) -> bool:
        return False


def test_a_stream_of_matroska_ends_within_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "piped.mkv"
    target = OneWay()
    with av.open(str(clip(tmp_path, "clip.mkv"))) as source, av.open(target, "w", "matroska", {"live": "1"}) as out:
        video = out.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
    data = target.getvalue()
    path.write_bytes(data)
    assert cut_off(path) is None
    path.write_bytes(data[:-5])
    assert cut_off(path) == "it ends within a picture"


def test_every_part_of_an_avi_counts(tmp_path: Path) -> None:
    """Beyond a gigabyte there are several, and one whose writer died says nothing of its length."""
    part = b"RIFF" + (4 + 1001).to_bytes(4, "little") + b"AVI " + bytes(1001) + b"\0"
    path = tmp_path / "clip.avi"
    path.write_bytes(part + part)
    assert cut_off(path) is None
    path.write_bytes((part + part)[:-400])
    assert cut_off(path) == "400 bytes are missing"
    for size in (0, 0xFFFFFFFF):
        path.write_bytes(b"RIFF" + size.to_bytes(4, "little") + part[8:])
        assert cut_off(path) is None


@pytest.mark.parametrize("data", [b"", b"\0\0\0\x03ftyp" * 4, b"G" * 188])
def test_what_promises_nothing_is_not_judged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clip"
    assert cut_off(path) is None
    path.write_bytes(data)
    assert cut_off(path) is None


def test_an_avi_need_not_be_evened_out_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(b"RIFF" + (7).to_bytes(4, "little") + b"AVI odd")
    assert missing_bytes(path) == 0
    path.write_bytes(path.read_bytes()[:-1])
    assert missing_bytes(path) == 2


def test_a_duration_is_looked_for_in_front_of_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    duration, cluster = element(0x1549A966, real(0x4489, 5.0)), element(0x1F43B675, b"")
    for parts, expected in (
        (duration + cluster, True),
        (cluster + duration, False),
        (element(0x1549A966, real(0x4489, 0.0)), False),
        (b"\x18\x53\x80\x67\xff" * 3000, False),
        (b"\x15\x49", False),
    ):
        path.write_bytes(element(0x1A45DFA3, b"") + b"\x18\x53\x80\x67\xff" + parts)
        assert states_duration(path) is expected

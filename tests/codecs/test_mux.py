"""Whole files: times, colour, companions and failures, seen by outside witnesses."""

import errno
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from tests.codecs.written import FAST, FILMS, INFO, Times, ffprobe, moving_ramp, side_data, steady, write_video
from tsexpand.codecs.companions import Companions
from tsexpand.codecs.mux import Container, EncoderOptions, VideoWriter
from tsexpand.colour.hdr10 import ContentLight, mastering_display
from tsexpand.colour.signal import HDR10, HLG10
from tsexpand.errors import OutputError
from tsexpand.frames import Packets, Timing

FILES = [(codec, c) for codec in FAST for c in FILMS if (codec, c) != ("av1", Container.MOV)]
EVERYWHERE = pytest.mark.parametrize(("codec", "container"), FILES)


# What the file says of its video


@EVERYWHERE
def test_colour_and_profile(tmp_path: Path, codec: str, container: Container) -> None:
    write_video(tmp_path / "clip.part", container, codec)
    video = ffprobe(tmp_path / "clip.part")["streams"][0]
    expected = {
        "codec_name": codec,
        "profile": "Main 10" if codec == "hevc" else "Main",
        "pix_fmt": "yuv420p10le",
        "color_range": "tv",
        "color_space": "bt2020nc",
        "color_transfer": "smpte2084",
        "color_primaries": "bt2020",
        "chroma_location": "topleft",
        "avg_frame_rate": "2/1",
    }
    assert {key: video.get(key) for key in expected} == expected
    if container is not Container.MKV:
        assert video["codec_tag_string"] == ("hvc1" if codec == "hevc" else "av01")


@EVERYWHERE
def test_the_mastering_display_is_in_container_and_bitstream(tmp_path: Path, codec: str, container: Container) -> None:
    write_video(tmp_path / "clip.part", container, codec)
    seen = ffprobe(tmp_path / "clip.part")
    for holder in (seen["streams"][0], seen["frames"][0]):
        display = side_data(holder, "Mastering display")
        assert float(Fraction(display["red_x"])) == pytest.approx(0.68, abs=1e-4)
        assert float(Fraction(display["white_point_y"])) == pytest.approx(0.329, abs=1e-4)
        assert float(Fraction(display["max_luminance"])) == 1000
        assert float(Fraction(display["min_luminance"])) == pytest.approx(0.0001, rel=0.25)


@EVERYWHERE
def test_hlg_has_its_transfer_and_no_static_metadata(tmp_path: Path, codec: str, container: Container) -> None:
    write_video(tmp_path / "clip.part", container, codec, signal=HLG10, light=None)
    seen = ffprobe(tmp_path / "clip.part")
    assert seen["streams"][0]["color_transfer"] == "arib-std-b67"
    for holder in (seen["streams"][0], seen["frames"][0]):
        assert "Mastering" not in str(holder.get("side_data_list"))


def test_mp4_colour_box_and_fast_start(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.part", Container.MP4)
    content = (tmp_path / "clip.part").read_bytes()
    assert b"colrnclx" + struct.pack(">3HB", 9, 16, 9, 0) in content
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("container", FILMS)
def test_rotation_and_pixel_aspect(tmp_path: Path, container: Container) -> None:
    quarter = (0, 65536, 0, -65536, 0, 0, 0, 0, 1073741824)
    info = replace(INFO, display_matrix=quarter, sample_aspect_ratio=Fraction(4, 3))
    assert write_video(tmp_path / "clip.part", container, info=info) == ()
    video = ffprobe(tmp_path / "clip.part")["streams"][0]
    assert video["sample_aspect_ratio"] == "4:3"
    with av.open(str(tmp_path / "clip.part")) as source:
        assert next(source.decode(video=0)).rotation == -90


# Times

FILM_TIMES: dict[str, tuple[Fraction, Fraction | None, Times]] = {
    "NTSC": (Fraction(1001, 30000), Fraction(30000, 1001), steady(6, 1)),
    "variable": (Fraction(1, 1000), Fraction(25), [(40, 33), (73, 27), (100, 40), (140, 65), (205, 35), (240, 77)]),
    "late start": (Fraction(1, 90000), Fraction(25), steady(6, 3600, 12345)),
    "fine clock": (Fraction(1, 16_000_000), Fraction(24), steady(6, 666_667, 777)),
    "odd clock": (Fraction(1, 15360), Fraction(30), steady(6, 512, 100)),
    "coarse clock": (Fraction(1, 25), Fraction(25), steady(6, 1, 3)),
    "no rate, no durations": (Fraction(1, 1000), None, [(7 + 33 * i, 0) for i in range(6)]),
    "a single picture": (Fraction(1, 25), Fraction(25), [(5, 1)]),
}


def times_of(path: Path) -> list[tuple[Fraction, Fraction]]:
    """Presentation time and duration of each picture, seconds, as PyAV reads them."""
    with av.open(str(path)) as source:
        frames = list(source.decode(video=0))
    times = [(frame.pts, frame.duration, frame.time_base) for frame in frames]
    return [(pts * base, duration * base) for pts, duration, base in times if pts is not None and base is not None]


@EVERYWHERE
@pytest.mark.parametrize("case", FILM_TIMES)
def test_times_are_kept(tmp_path: Path, codec: str, container: Container, case: str) -> None:
    time_base, rate, times = FILM_TIMES[case]
    write_video(tmp_path / "clip.part", container, codec, times, replace(INFO, time_base=time_base, frame_rate=rate))
    seen = times_of(tmp_path / "clip.part")
    error = max(abs(pts - t * time_base) for (pts, _), (t, _) in zip(seen, times, strict=True))
    assert error <= (Fraction(1, 2000) if container is Container.MKV else 0)
    if container is not Container.MKV:
        assert seen[-1][1] == (times[-1][1] or 33) * time_base


@pytest.mark.parametrize("rate", [Fraction(25), None])
def test_matroska_states_no_default_duration_that_is_not_known(tmp_path: Path, rate: Fraction | None) -> None:
    write_video(tmp_path / "clip.part", Container.MKV, info=replace(INFO, frame_rate=rate))
    content = (tmp_path / "clip.part").read_bytes()
    header = content[: content.index(b"\x1f\x43\xb6\x75")]  # up to the first Cluster
    assert (b"\x23\xe3\x83" in header) == (rate is not None)


@pytest.mark.parametrize("container", FILMS)
def test_pictures_before_zero_are_moved_not_cut(tmp_path: Path, container: Container) -> None:
    info = replace(INFO, time_base=Fraction(1, 1000), frame_rate=Fraction(25))
    notices = write_video(tmp_path / "clip.part", container, times=steady(5, 40, -80), info=info)
    assert notices == ("all times moved by 0.080 s: the first picture was before 0",)
    assert [t for t, _ in times_of(tmp_path / "clip.part")] == [Fraction(i, 25) for i in range(5)]


# Sizes


def test_odd_pictures_are_padded_by_their_edge_for_hevc(tmp_path: Path) -> None:
    info = replace(INFO, width=63, height=47)
    (notice,) = write_video(tmp_path / "clip.part", Container.MP4, info=info)
    assert "63×47 to 64×48" in notice
    with av.open(str(tmp_path / "clip.part")) as source:
        luma = next(source.decode(video=0)).to_ndarray()[:48].astype(int)
    assert luma.shape == (48, 64)
    assert abs(luma[:, 63] - luma[:, 62]).max() < 40  # the ramp's next value would be 7 on, a wrap 800 off
    assert abs(luma[47] - luma[46]).max() < 40


def test_odd_pictures_are_kept_in_av1(tmp_path: Path) -> None:
    info = replace(INFO, width=65, height=49)
    assert write_video(tmp_path / "clip.part", Container.MP4, "av1", info=info) == ()
    video = ffprobe(tmp_path / "clip.part")["streams"][0]
    assert (video["width"], video["height"]) == (65, 49)


# Companions


def make_source(path: Path, rate: int = 48000) -> None:
    """A Matroska file with two audio streams, two subtitle streams, a font, chapters and tags."""
    with av.open(str(path), "w", "matroska") as output:
        streams = [output.add_stream(codec, rate=rate) for codec in ("aac", "pcm_s16le")]
        streams[1].disposition = Disposition.comment
        streams[1].metadata["language"] = "nld"
        text = [output.add_stream(codec) for codec in ("subrip", "ass")]
        text[0].metadata.update({"language": "fra", "title": "Français"})
        header = b"[Script Info]\n\n[V4+ Styles]\n\n[Events]\nFormat: Layer, Start, End, Text\n"
        for stream in text:
            stream.codec_context.subtitle_header = header
        output.add_attachment("font.ttf", "font/ttf", b"\0\1\0\0 a font")
        chapter: Any = {
            "id": 1,
            "start": 0,
            "end": 90,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": "One"},
        }
        output.set_chapters([chapter])
        output.metadata.update({"title": "A clip", "encoder": "some other"})
        for sound in streams:
            for i in range(5):
                frame = av.AudioFrame.from_ndarray(np.full((1, 2048), 500 * i, np.int16), "s16", "stereo")
                frame.sample_rate, frame.pts, frame.time_base = rate, 4800 + 1024 * i, Fraction(1, rate)
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
        for stream, line in zip(text, (b"Bonjour", b"0,0,Default,,0,0,0,,Hello"), strict=True):
            packet: av.Packet[Any] = av.Packet(line)
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = 20
            packet.duration = 40
            output.mux(packet)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Companions, Packets]]:
    """The companions of a file, and all their packets."""
    with av.open(str(path)) as source:
        streams = tuple(s for s in source.streams if s.type in ("audio", "subtitle", "attachment"))
        packets = tuple(p for p in source.demux([s for s in streams if s.type != "attachment"]))
        chapters, metadata = tuple(dict(c) for c in source.chapters()), dict(source.metadata)
        yield Companions(streams, chapters, metadata, {"language": "deu", "DURATION": "9"}), packets


def contents(path: Path) -> dict[str, list[tuple[bytes, Fraction]]]:
    """Bytes and time of every packet of audio and subtitles, by codec."""
    found: dict[str, list[tuple[bytes, Fraction]]] = {}
    with av.open(str(path)) as source:
        for packet in source.demux():
            if packet.size and packet.stream.type in ("audio", "subtitle") and packet.pts is not None:
                name = packet.stream.codec_context.name
                found.setdefault(name, []).append((bytes(packet), packet.pts * packet.time_base))
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_source(tmp_path / "source.mkv")
    return tmp_path / "source.mkv"


def test_matroska_keeps_every_companion(tmp_path: Path, source: Path) -> None:
    with opened(source) as (companions, packets):
        notices = write_video(tmp_path / "clip.part", Container.MKV, companions=companions, packets=packets)
    assert notices == ()
    assert contents(tmp_path / "clip.part") == contents(source)
    seen = ffprobe(tmp_path / "clip.part")
    video, _, pcm, srt, _, font = seen["streams"]
    assert [s["codec_type"] for s in seen["streams"]] == [
        "video",
        "audio",
        "audio",
        "subtitle",
        "subtitle",
        "attachment",
    ]
    assert video["tags"]["language"] == "deu"
    assert pcm["disposition"]["comment"] == 1
    assert pcm["tags"]["language"] == "nld"
    assert (srt["tags"]["language"], srt["tags"]["title"]) == ("fra", "Français")
    assert (font["tags"]["filename"], font["tags"]["mimetype"]) == ("font.ttf", "font/ttf")
    assert [c["tags"]["title"] for c in seen["chapters"]] == ["One"]
    assert seen["format"]["tags"]["title"] == "A clip"
    assert "some other" not in str(seen)


@pytest.mark.parametrize("container", [Container.MP4, Container.MOV])
def test_what_a_container_refuses_is_dropped_with_a_notice(tmp_path: Path, source: Path, container: Container) -> None:
    with opened(source) as (companions, packets):
        notices = write_video(tmp_path / "clip.part", container, companions=companions, packets=packets)
    assert any(n.startswith(f"subtitle stream 3 (ass) becomes mov_text in {container.name}") for n in notices)
    assert any("pcm_s16le" in n and "misread" in n for n in notices) == (container is Container.MP4)
    assert f"attachment font.ttf dropped: {container.name} can't hold it; MKV can" in notices
    before, after = contents(source), contents(tmp_path / "clip.part")
    assert [b for b, _ in after["aac"]] == [b for b, _ in before["aac"]]
    assert all(abs(s - t) <= Fraction(1, 48000) for (_, s), (_, t) in zip(before["aac"], after["aac"], strict=True))
    seen = ffprobe(tmp_path / "clip.part")
    assert [c["tags"]["title"] for c in seen["chapters"]] == ["One"]
    assert seen["format"]["tags"]["title"] == "A clip"


def test_packets_serve_a_second_output_unchanged(tmp_path: Path, source: Path) -> None:
    with opened(source) as (companions, packets):
        for name, container in (("a.part", Container.MP4), ("b.part", Container.MKV)):
            write_video(tmp_path / name, container, companions=companions, packets=packets)
    assert contents(tmp_path / "b.part") == contents(source)


@pytest.mark.parametrize("container", FILMS)
def test_sound_before_zero_moves_nothing(tmp_path: Path, source: Path, container: Container) -> None:
    with opened(source) as (companions, packets):
        sounds = [p for p in packets if isinstance(p, av.Packet) and p.stream.index == 0 and p.pts is not None]
        for i, packet in enumerate(sounds):
            packet.pts = packet.dts = 21 * i - 21
        write_video(tmp_path / "clip.part", container, companions=companions, packets=packets)
    assert times_of(tmp_path / "clip.part")[0][0] == 0
    starts = [time for _, time in contents(tmp_path / "clip.part")["aac"]]
    assert starts[0] == Fraction(-21, 1000)
    assert starts[1] == 0


@pytest.mark.parametrize("container", [Container.MP4, Container.MOV])
def test_a_late_start_of_sound_is_kept_to_a_sample(tmp_path: Path, container: Container) -> None:
    make_source(tmp_path / "source.mkv", rate=44100)
    with opened(tmp_path / "source.mkv") as (companions, packets):
        sounds = [p for p in packets if isinstance(p, av.Packet) and p.stream.index == 0 and p.pts is not None]
        for i, packet in enumerate(sounds):
            packet.pts = packet.dts = 62 + 23 * i  # milliseconds; the first falls between two samples
        write_video(tmp_path / "clip.part", container, companions=companions, packets=packets)
    start = contents(tmp_path / "clip.part")["aac"][0][1]
    assert abs(start - Fraction(62, 1000)) <= Fraction(1, 44100)


def test_packets_shorter_than_a_millisecond_keep_their_times_in_matroska(tmp_path: Path, source: Path) -> None:
    """As TrueHD's are, of which several begin in the same one."""
    with opened(source) as (companions, packets):
        sounds = [p for p in packets if isinstance(p, av.Packet) and p.stream.index == 0 and p.pts is not None]
        for i, packet in enumerate(sounds):
            packet.pts = packet.dts = 100 + i // 3
        assert write_video(tmp_path / "clip.part", Container.MKV, companions=companions, packets=packets) == ()
    times = [time for _, time in contents(tmp_path / "clip.part")["aac"]]
    assert times == [Fraction(100 + i // 3, 1000) for i in range(len(sounds))]


@pytest.mark.parametrize("container", [Container.MP4, Container.MOV])
def test_a_last_sound_that_does_not_say_how_long_it_is_is_not_cut_off(
    tmp_path: Path, source: Path, container: Container
) -> None:
    """As in Matroska of ALAC: MP4 would say that it ends where it begins."""
    with opened(source) as (companions, packets):
        sounds = [p for p in packets if isinstance(p, av.Packet) and p.stream.index == 0 and p.pts is not None]
        for packet in sounds:
            packet.duration = 0
        write_video(tmp_path / "clip.part", container, companions=companions, packets=packets)
    with av.open(str(tmp_path / "clip.part")) as output:
        samples = sum(frame.samples for frame in output.decode(audio=0))
    assert samples >= 1024 * (len(sounds) - 1)


def test_uncompressed_sound_without_a_layout_is_kept_in_mp4(tmp_path: Path, source: Path) -> None:
    with opened(source) as (companions, packets):
        assert companions.streams[1].codec_context.layout.name == "2 channels"
        write_video(tmp_path / "clip.part", Container.MP4, companions=companions, packets=packets)
    samples = []
    for path in (source, tmp_path / "clip.part"):
        with av.open(str(path)) as container:
            samples.append(np.concatenate([frame.to_ndarray() for frame in container.decode(audio=1)], axis=1))
    assert np.array_equal(*samples)


@pytest.mark.parametrize("container", FILMS)
def test_a_quicktime_track_s_name_is_its_title(tmp_path: Path, container: Container) -> None:
    companions = Companions(video_metadata={"name": "Camera A"})
    write_video(tmp_path / "clip.part", container, companions=companions)
    with av.open(str(tmp_path / "clip.part")) as output:
        metadata = output.streams.video[0].metadata
    assert "Camera A" in (metadata.get("title"), metadata.get("name"))


def test_matroska_has_no_checksums_for_the_patch_to_break(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.part", Container.MKV)
    content = (tmp_path / "clip.part").read_bytes()
    for master in (b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75"):  # Tracks, Cluster
        size_at = content.rindex(master) + 4
        first_child = size_at + 9 - content[size_at].bit_length()
        assert content[first_child] != 0xBF  # CRC-32


def test_packets_out_of_order_are_put_in_order(tmp_path: Path, source: Path) -> None:
    with opened(source) as (companions, packets):
        assert isinstance(packets[2], av.Packet)
        audio = [p for p in packets if isinstance(p, av.Packet) and p.stream.index == 0]
        audio[2].pts = audio[2].dts = -5000
        audio[3].dts = None
        notices = write_video(tmp_path / "clip.part", Container.MP4, companions=companions, packets=packets)
    assert any("audio stream 0 (aac): repaired the times of" in notice for notice in notices)
    assert [b for b, _ in contents(tmp_path / "clip.part")["aac"]] == [b for b, _ in contents(source)["aac"]]


@pytest.mark.parametrize("container", FILMS)
def test_a_damaged_packet_that_the_muxer_refuses_is_dropped_and_said(tmp_path: Path, container: Container) -> None:
    """ADTS, as transport streams have it, is rewritten by the muxers."""
    path = tmp_path / "sound.aac"
    with av.open(str(path), "w", "adts") as output:
        stream = output.add_stream("aac", rate=48000)
        for i in range(5):
            frame = av.AudioFrame.from_ndarray(np.full((1, 2048), 500 * i, np.int16), "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 1024 * i, Fraction(1, 48000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with opened(path) as (companions, packets):
        sounds = [p for p in packets if isinstance(p, av.Packet) and p.size]
        broken: av.Packet[Any] = av.Packet(bytes(range(100, 160)))
        broken.stream, broken.time_base = sounds[2].stream, sounds[2].time_base
        broken.pts, broken.dts, broken.duration = sounds[2].pts, sounds[2].dts, sounds[2].duration
        damaged = (*sounds[:2], broken, *sounds[3:])
        notices = write_video(tmp_path / "clip.part", container, companions=companions, packets=damaged)
    assert notices == ("1 damaged packets of audio stream 0 (aac) are not kept.",)
    assert len(contents(tmp_path / "clip.part")["aac"]) == len(sounds) - 1
    assert len(times_of(tmp_path / "clip.part")) == 5


@pytest.mark.parametrize("rate", [Fraction(25), None])
@pytest.mark.parametrize("timecode", ["01:00:00:00", "01:00:00;99", "nonsense"])
def test_a_timecode_never_stops_the_writing(tmp_path: Path, rate: Fraction | None, timecode: str) -> None:
    companions = Companions(video_metadata={"timecode": timecode})
    write_video(tmp_path / "clip.part", Container.MOV, info=replace(INFO, frame_rate=rate), companions=companions)
    video = ffprobe(tmp_path / "clip.part")["streams"][0]
    if rate and timecode == "01:00:00:00":
        assert video["tags"]["timecode"] == timecode


# Failures

FILL_THE_DISK = """
import resource, signal, sys
from pathlib import Path
from dataclasses import replace
from fractions import Fraction
from tests.codecs.written import INFO, steady, write_video
from tsexpand.codecs.mux import Container
from tsexpand.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    write_video(Path(sys.argv[1]), Container(sys.argv[2]), times=steady(12))
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
@pytest.mark.parametrize("container", FILMS)
def test_a_file_that_can_not_grow_is_an_output_error(tmp_path: Path, container: Container) -> None:
    path = tmp_path / "clip.part"
    command = [sys.executable, "-W", "error", "-c", FILL_THE_DISK, str(path), container.value]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{path}: file larger than the file system or a limit allows; write elsewhere"
    assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "clip.part"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match=f"{path}: disk full; make room or write elsewhere"):
        write_video(path, Container.MKV)
    assert not path.is_symlink()


def test_a_failure_while_patching_removes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "injected")

    monkeypatch.setattr("tsexpand.codecs.mux.patch_content_light", fail)
    with pytest.raises(OutputError, match="the device failed to write"):
        write_video(tmp_path / "clip.part", Container.MP4)
    assert not (tmp_path / "clip.part").exists()


def test_a_directory_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        write_video(tmp_path / "nowhere" / "clip.part", Container.MP4)


def test_av1_in_mov_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"MOV does not hold av1; use \.mp4 or \.mkv, or one of hevc, "):
        write_video(tmp_path / "clip.part", Container.MOV, "av1")


def test_closing_before_the_end_removes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.part"
    writer = VideoWriter(path, Container.MP4, FAST["hevc"], INFO, HDR10, mastering_display(1000), Companions())
    writer.write(moving_ramp(3), tuple(Timing(i, INFO.time_base, 1) for i in range(3)), ())
    assert path.exists()
    writer.close()
    writer.close()
    assert not path.exists()


def test_a_finished_file_outlives_close(tmp_path: Path) -> None:
    path = tmp_path / "clip.part"
    writer = VideoWriter(path, Container.MP4, FAST["hevc"], INFO, HDR10, mastering_display(1000), Companions())
    writer.write(moving_ramp(1), (Timing(0, INFO.time_base, 12),), ())
    writer.finish(ContentLight(1000, 200))
    writer.close()
    assert len(times_of(path)) == 1


def test_an_encoder_that_is_refused_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.part"
    with pytest.raises(OutputError, match="unknown"):
        VideoWriter(path, Container.MP4, EncoderOptions("vp9"), INFO, HDR10, mastering_display(1000), Companions())
    assert not path.exists()


def test_names_that_look_like_addresses_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(Path("http:clip.part"), Container.MP4)
    assert len(times_of(tmp_path / "http:clip.part")) == 5


@pytest.mark.parametrize(("name", "container"), [("a.MP4", "MP4"), ("c.mov", "MOV"), ("d.mkv", "MKV")])
def test_containers_by_suffix(name: str, container: str) -> None:
    assert Container.of(Path(name)) is Container[container]


def test_an_unknown_suffix_is_refused() -> None:
    with pytest.raises(OutputError, match="avi"):
        Container.of(Path("clip.avi"))


@pytest.mark.parametrize("preset", ["ultrafast", "faster", "medium"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [64, 256])
def test_very_short_clips_have_their_times(tmp_path: Path, width: int, count: int, preset: str) -> None:
    """x265 leaves dts uninitialised in clips shorter than its reordering."""
    info = replace(INFO, width=width, height=32)
    options = EncoderOptions("hevc", preset=preset)
    path = tmp_path / "clip.part"
    writer = VideoWriter(path, Container.MKV, options, info, HDR10, mastering_display(1000), Companions())
    timings = tuple(Timing(pts, info.time_base, duration) for pts, duration in steady(count, start=12))
    writer.write(moving_ramp(count, info), timings, ())
    writer.finish(ContentLight(1000, 100))
    with av.open(path) as container:
        assert [round(frame.time * 24) for frame in container.decode(video=0)] == [t.pts for t in timings]

"""Decoding on a GPU, as far as a CPU can tell: a stand-in keeps pictures as NVDEC does, and all goes wrong that may."""

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import torch

from tests.conversions import IDENTITY, options, video_codes
from tsexpand.codecs import hardware
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.deinterlacing import Deinterlacing
from tsexpand.codecs.hardware import CODECS, KEPT_AS, HardwareDecoder, open_decoder
from tsexpand.codecs.pixels import frame_from_planes, planes_from_frames, planes_on_device
from tsexpand.codecs.source import open_source
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.convert import convert
from tsexpand.errors import DeviceError, InputError
from tsexpand.frames import SignalBatch, VideoInfo

from .input_clips import random_planes, write_clip
from .test_deinterlacing import TFF_264, TFF_MPEG2
from .test_deinterlacing import write as write_woven
from .test_opacity import write as write_with_opacity

GPU = torch.device("cpu")
"""Stands in for one."""

X264, X265 = ("libx264", {"bf": "3", "g": "6"}), ("libx265", {"preset": "ultrafast", "x265-params": "log-level=0"})
VP9, AV1 = ("libvpx-vp9", {"cpu-used": "8", "deadline": "realtime"}), ("libsvtav1", {"preset": "12"})
FRAMES = 12

Encoder = tuple[str, Mapping[str, str]]
Change = Callable[[list[Any], int], list[Any]]


class PlaneOnDevice:
    """A plane of `OnDevice`, which may not be asked to wait for a stream."""

    def __init__(self, plane: av.video.plane.VideoPlane) -> None:
        self._plane = plane

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0  # kDLCUDA

    def __dlpack__(self, *, stream: int | None = None) -> object:
        if stream is not None:
            raise NotImplementedError("CUDA stream synchronization is not supported.")
        return self._plane.__dlpack__()


class OnDevice:
    """A picture as PyAV hands out what a GPU has decoded."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._frame = frame
        self.sw_format = frame.format
        self.format = av.VideoFormat("cuda", frame.width, frame.height)

    @property
    def planes(self) -> tuple[PlaneOnDevice, ...]:
        return tuple(map(PlaneOnDevice, self._frame.planes))

    def __getattr__(self, name: str) -> object:
        return getattr(self._frame, name)


class StandIn:
    """A decoder of a stream that keeps pictures as a GPU does.

    Args:
        stream: to decode.
        change: what becomes of the pictures of a packet, by the number of those before them.
    """

    def __init__(self, stream: av.VideoStream, change: Change) -> None:
        name = stream.codec_context.codec.canonical_name
        self._decoder = av.CodecContext.create("libdav1d" if name == "av1" else name, "r")
        self._decoder.extradata = stream.codec_context.extradata
        self._decoder.thread_count = 1
        self.reorder_depth = 0
        self._change = change
        self.decoded = self.flushed = 0

    def decode(self, packet: av.Packet) -> list[Any]:
        if not self.decoded:
            self._decoder.reorder_depth = self.reorder_depth
        frames = [OnDevice(f.reformat(format=KEPT_AS[f.format.name])) for f in self._decoder.decode(packet)]
        frames = self._change(frames, self.decoded)
        self.decoded += len(frames)
        return frames

    def flush_buffers(self) -> None:
        self._decoder.flush_buffers()
        self.reorder_depth = 0  # as FFmpeg's
        self.flushed += 1


def stand_in(monkeypatch: pytest.MonkeyPatch, change: Change = lambda frames, before: frames) -> list[StandIn]:
    """The decoders that will be opened."""
    opened: list[StandIn] = []

    def opens(stream: av.VideoStream, device: torch.device) -> StandIn:
        assert device == GPU
        opened.append(StandIn(stream, change))
        return opened[-1]

    monkeypatch.setattr(hardware, "open_decoder", opens)
    return opened


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """Decoders that will be opened, and decode as they should."""
    return stand_in(monkeypatch)


def clip(
    folder: Path,
    encoder: tuple[str, Mapping[str, str]] = X264,
    pixel_format: str = "yuv420p",
    container: str = "mkv",
    **size: int,
) -> Path:
    path = folder / f"clip.{container}"
    pictures = [random_planes(pixel_format, seed=seed, **size) for seed in range(FRAMES)]
    write_clip(path, pictures, pixel_format, encoder[0], options=encoder[1], audio_seconds=[0.4])
    return path


def read(path: Path | str, **wanted: Any) -> tuple[VideoInfo, list[SignalBatch]]:
    with VideoSource(str(path), SourceOptions(**wanted)) as source:
        batches = list(source.batches(5))
        return source.info, batches


def assert_alike(ours: list[SignalBatch], theirs: list[SignalBatch]) -> None:
    """Pictures, times and sound; with which batch a packet comes depends on how many a decoder needs ahead."""
    assert [bytes(p) for batch in ours for p in batch.packets] == [bytes(p) for batch in theirs for p in batch.packets]
    for our, their in zip(ours, theirs, strict=True):
        assert our.timings == their.timings
        assert all(torch.equal(a, b) for a, b in zip(our.planes, their.planes, strict=True))


def assert_same_in_software(path: Path, why: str, **wanted: Any) -> None:
    """That nothing is missing of a clip whose decoding went on in software, and why it did."""
    info, batches = read(path, hardware=GPU, **wanted)
    plain, expected = read(path, **wanted)
    (notice,) = set(info.notices) - set(plain.notices)
    assert notice == f"Decoded in software, not on the GPU: {why}."
    assert_alike(batches, expected)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (50, 30), (2, 2)], ids=str)
@pytest.mark.parametrize(("kept", "planar"), [("nv12", "yuv420p"), ("p010le", "yuv420p10le")])
def test_code_values_of_semi_planar_pictures(kept: str, planar: str, width: int, height: int) -> None:
    """Rows of 50 are padded."""
    pictures = [random_planes(planar, width, height, seed) for seed in range(3)]
    frames = [frame_from_planes(planes, planar).reformat(format=kept) for planes in pictures]
    planes = planes_on_device(frames)
    for ours, plain, known in zip(planes, planes_from_frames(frames), zip(*pictures, strict=True), strict=True):
        assert ours.dtype == plain.dtype and ours.is_contiguous()
        assert torch.equal(ours, plain) and torch.equal(ours, torch.stack(known))


def test_code_values_are_copied() -> None:
    """The memory of a decoder is another picture's soon."""
    frame = frame_from_planes(random_planes("yuv420p"), "yuv420p").reformat(format="nv12")
    before = planes_on_device([frame])
    kept = [plane.clone() for plane in before]
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 0
    assert all(torch.equal(a, b) for a, b in zip(before, kept, strict=True))


@pytest.mark.parametrize(
    ("encoder", "pixel_format"),
    [(X264, "yuv420p"), (X264, "yuv420p10le"), (X265, "yuv420p10le"), (VP9, "yuv420p"), (AV1, "yuv420p10le")],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_clip_is_the_same(tmp_path: Path, gpus: list[StandIn], encoder: Encoder, pixel_format: str) -> None:
    path = clip(tmp_path, encoder, pixel_format)
    info, batches = read(path, hardware=GPU)
    plain, expected = read(path)
    assert info == plain
    assert_alike(batches, expected)
    assert gpus[0].decoded == FRAMES


@pytest.mark.parametrize("container", ["mp4", "avi", "ts"])
def test_a_clip_in_another_container_is_the_same(tmp_path: Path, gpus: list[StandIn], container: str) -> None:
    """AVI has other times, MPEG-TS no parameters in front."""
    path = clip(tmp_path, container=container)
    info, batches = read(path, hardware=GPU)
    assert info == read(path)[0] and gpus[0].decoded == FRAMES
    assert_alike(batches, read(path)[1])


def test_a_clip_that_failed_holds_no_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error may be kept, with all that its traceback holds."""

    def smaller(frames: list[Any], before: int) -> list[Any]:
        return [OnDevice(f._frame.reformat(32, 32)) for f in frames] if before else frames

    opened = stand_in(monkeypatch, smaller)
    with pytest.raises(InputError) as failure:
        read(clip(tmp_path, ("libx264", {"bf": "0"})), hardware=GPU)
    held = weakref.ref(opened.pop())
    assert failure.value.__traceback__ is not None and held() is None


def test_it_is_asked_for_the_order_that_software_found(tmp_path: Path, gpus: list[StandIn]) -> None:
    read(clip(tmp_path), hardware=GPU)
    assert gpus[0].reorder_depth == 2


def test_one_picture(tmp_path: Path, gpus: list[StandIn]) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, [random_planes("yuv420p")], codec="libx264")
    assert_alike(read(path, hardware=GPU)[1], read(path)[1])
    assert gpus[0].decoded == 1


def test_a_part(tmp_path: Path, gpus: list[StandIn]) -> None:
    path, part = clip(tmp_path), {"start": Fraction("0.3"), "frames": 3}
    assert_alike(read(path, hardware=GPU, **part)[1], read(path, **part)[1])
    assert gpus[0].flushed == 1 and gpus[0].reorder_depth == 2


def test_a_pipe_is_read_once(tmp_path: Path, gpus: list[StandIn]) -> None:
    path, pipe = clip(tmp_path), tmp_path / "pipe.mkv"
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    thread.start()
    _, batches = read(pipe, hardware=GPU)
    thread.join()
    assert_alike(batches, read(path)[1])
    assert gpus[0].decoded == FRAMES


def test_rotation_is_that_of_the_container(tmp_path: Path, gpus: list[StandIn]) -> None:
    path = tmp_path / "clip.mov"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(90)
        container.mux(stream.encode(frame_from_planes(random_planes("yuv420p"), "yuv420p")))
        container.mux(stream.encode(None))
    info, _ = read(path, hardware=GPU)
    assert gpus[0].decoded == 1
    assert info.display_matrix is not None and info == read(path)[0]


def test_a_conversion_is_the_same(tmp_path: Path, gpus: list[StandIn]) -> None:
    path, outputs = clip(tmp_path), [tmp_path / "gpu.mkv", tmp_path / "cpu.mkv"]
    report = convert(options(path, outputs[0], hardware=GPU), IDENTITY)
    convert(options(path, outputs[1]), IDENTITY)
    assert gpus[0].decoded == report.frames == FRAMES
    codes = [video_codes(output) for output in outputs]
    assert all((a == b).all() for a, b in zip(*codes, strict=True))


@pytest.mark.parametrize(
    ("encoder", "pixel_format", "wanted", "why"),
    [
        (("ffv1", {}), "yuv420p", {}, "ffv1 is none of av1, h264, hevc, vp8, vp9"),
        (X264, "yuv420p", {"repeats": True}, "damage is told by software only, and --on-corrupt repeat asks for it"),
        (X264, "yuv420p", {"scales": True}, "--on-change scale is done in software"),
        (X264, "yuv422p10le", {}, "its pictures are yuv422p10le, and only 4:2:0 of 8 and 10 bit is taken"),
        (X264, "yuv444p", {}, "its pictures are yuv444p, and only 4:2:0 of 8 and 10 bit is taken"),
    ],
    ids=["codec", "repeat", "scale", "422", "444"],
)
def test_what_is_not_for_it(
    tmp_path: Path, gpus: list[StandIn], encoder: Any, pixel_format: str, wanted: dict[str, Any], why: str
) -> None:
    assert_same_in_software(clip(tmp_path, encoder, pixel_format), why, **wanted)
    assert not any(gpu.decoded for gpu in gpus)


@pytest.mark.parametrize("case", [TFF_264, TFF_MPEG2], ids=["h264", "mpeg2"])
def test_woven_pictures_are_divided_in_software(tmp_path: Path, gpus: list[StandIn], case: Any) -> None:
    why = "it is interlaced" if case is TFF_264 else "mpeg2video is none of av1, h264, hevc, vp8, vp9"
    assert_same_in_software(write_woven(tmp_path, *case), why)


class Software:
    """A stream and its decoder, which gives the same picture for every packet."""

    codec = SimpleNamespace(canonical_name="h264")
    field_order = reorder_depth = 0

    def __init__(self, picture: object) -> None:
        self.codec_context = self
        self._picture = picture
        self.flushed = 0

    def decode(self, packet: object) -> list[object]:
        return [self._picture]

    def flush_buffers(self) -> None:
        self.flushed += 1


@pytest.mark.parametrize(
    ("marks", "why"),
    [({"is_corrupt": True}, "its beginning is damaged"), ({"interlaced_frame": True}, "it is interlaced")],
    ids=["corrupt", "interlaced"],
)
def test_a_first_picture_that_is_marked(monkeypatch: pytest.MonkeyPatch, marks: dict[str, bool], why: str) -> None:
    monkeypatch.setattr(hardware, "open_decoder", lambda stream, device: object())
    picture = SimpleNamespace(**({"is_corrupt": False, "interlaced_frame": False} | marks))
    software: Any = Software(picture)
    decoder = HardwareDecoder(software, software, GPU, SourceOptions())
    assert decoder.notice is None
    assert decoder.decode(av.Packet(1)) == [picture]
    assert decoder.notice == f"Decoded in software, not on the GPU: {why}." and decoder.take_model() is None


@pytest.mark.parametrize(
    ("mode", "notice"),
    [(Deinterlacing.FIELD, "Decoded in software, not on the GPU: it is interlaced."), (Deinterlacing.OFF, None)],
)
def test_a_stream_that_says_it_is_interlaced(
    monkeypatch: pytest.MonkeyPatch, mode: Deinterlacing, notice: str | None
) -> None:
    """Even if its first picture should not be."""
    monkeypatch.setattr(hardware, "open_decoder", lambda stream, device: object())
    software: Any = Software(None)
    software.field_order = 2
    assert HardwareDecoder(software, software, GPU, SourceOptions(deinterlacing=mode)).notice == notice


def test_software_keeps_nothing_that_the_gpu_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = frame_from_planes(random_planes("yuv420p"), "yuv420p")
    on_device: Any = OnDevice(picture.reformat(format="nv12"))
    monkeypatch.setattr(
        hardware, "open_decoder", lambda stream, device: SimpleNamespace(decode=lambda packet: [on_device])
    )
    software: Any = Software(picture)
    decoder = HardwareDecoder(software, software, GPU, SourceOptions())
    assert decoder.decode(av.Packet(1)) == [on_device]
    assert software.flushed == 1
    assert decoder.take_model() is picture and decoder.take_model() is None


def test_woven_pictures_that_may_stay_so(tmp_path: Path, gpus: list[StandIn]) -> None:
    path = write_woven(tmp_path, *TFF_264)
    info, batches = read(path, hardware=GPU, deinterlacing=Deinterlacing.OFF)
    plain, expected = read(path, deinterlacing=Deinterlacing.OFF)
    assert info == plain and gpus[0].decoded
    assert_alike(batches, expected)


def test_opacity_is_decoded_in_software(tmp_path: Path, gpus: list[StandIn]) -> None:
    path = tmp_path / "clip.webm"
    write_with_opacity(path, "libvpx-vp9", "yuva420p")
    assert_same_in_software(path, "it has opacity")
    assert not gpus


def test_a_picture_that_is_no_clip(tmp_path: Path, gpus: list[StandIn]) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(_png())
    with open_source(str(path), SourceOptions(hardware=GPU)) as source:
        assert "Decoded in software, not on the GPU: it is no clip." in source.info.notices
    assert not gpus


def _png() -> bytes:
    context = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 16, 16, "rgb24", Fraction(1, 25)
    packets = context.encode(av.VideoFrame(16, 16, "rgb24"))
    return b"".join(bytes(packet) for packet in packets)


_INVALID = av.error.InvalidDataError(1, "Invalid data")


def _raises(error: Exception) -> Change:
    def change(frames: list[Any], before: int) -> list[Any]:
        raise error

    return change


def _one_code_off(frames: list[Any], before: int) -> list[Any]:
    if frames and not before:
        np.frombuffer(frames[0]._frame.planes[1], np.uint8)[1] ^= 1
    return frames


def _late(frames: list[Any], before: int) -> list[Any]:
    for frame in frames:
        frame._frame.pts += 1
    return frames


class _Unreadable(OnDevice):
    """As PyAV hands out 4:4:4 on a GPU."""

    @property
    def planes(self) -> tuple[PlaneOnDevice, ...]:
        raise NotImplementedError("unsupported sw_format for DLPack export")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            _raises(_INVALID),
            "it does not take this stream, or its driver has no `video` capability (Invalid data)",
        ),
        (_raises(torch.OutOfMemoryError()), "it has no memory left for it"),
        (lambda frames, before: [f._frame.reformat(format="yuv420p") for f in frames], "it does not take this stream"),
        (lambda frames, before: [], "it does not take this stream"),
        (
            lambda frames, before: [OnDevice(f._frame.reformat(format="yuv444p")) for f in frames],
            "it makes yuv444p of yuv420p",
        ),
        (
            lambda frames, before: [_Unreadable(f._frame) for f in frames],
            "it does not take this stream (unsupported sw_format for DLPack export)",
        ),
        (_one_code_off, "its first picture is not the one that software decodes"),
        (_late, "its first picture is not the one that software decodes"),
        (
            lambda frames, before: [OnDevice(f._frame.reformat(48, 48)) for f in frames],
            "its first picture is not the one that software decodes",
        ),
    ],
    ids=["fails", "memory", "software", "nothing", "other-format", "unreadable", "one-code", "time", "size"],
)
def test_what_it_does_wrong_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, why: str) -> None:
    gpus = stand_in(monkeypatch, change)
    assert_same_in_software(clip(tmp_path), why)
    assert len(gpus) == 1


def test_odd_sizes_would_lack_chroma(tmp_path: Path, gpus: list[StandIn]) -> None:
    frame = av.VideoFrame(51, 31, "nv12")
    assert [plane.shape[1:] for plane in planes_on_device([frame])] == [(31, 51), (15, 25), (15, 25)]
    why = "51×31 is odd, and PyAV would round its chroma down"
    assert_same_in_software(clip(tmp_path, VP9, width=51, height=31), why)


def test_a_damaged_beginning(tmp_path: Path, gpus: list[StandIn]) -> None:
    path = tmp_path / "clip.mkv"
    pictures = [random_planes("yuv420p", seed=seed) for seed in range(4)]
    write_clip(
        path, pictures, codec="libx264", options={"bf": "0", "g": "1"}, damage={0: b"\0\0\0\1\x65\xff\xff\xff\xff" * 4}
    )
    assert_same_in_software(path, "its beginning is damaged")


def test_too_long_a_wait_for_the_first_picture(
    tmp_path: Path, gpus: list[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "MOST_PACKETS", 1)
    assert_same_in_software(clip(tmp_path), "there is no picture in its first 1 packets")


def test_damage_further_on_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(frames: list[Any], before: int) -> list[Any]:
        if before >= 8:
            raise av.error.InvalidDataError(1, "Invalid data")
        return frames

    stand_in(monkeypatch, change)
    with pytest.raises(InputError, match=r"clip.mkv: undecodable at 00:00:00.3\d* \(Invalid data\)"):
        read(clip(tmp_path), hardware=GPU)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda f: f.reformat(32, 32), "pictures change from 64×48 nv12 to 32×32 nv12 at .*; try --on-change scale"),
        (lambda f: f.reformat(format="p010le"), "pictures change from 64×48 nv12 to 64×48 p010le"),
    ],
    ids=["size", "format"],
)
def test_pictures_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, error: str) -> None:
    stand_in(monkeypatch, lambda frames, before: [OnDevice(change(f._frame)) for f in frames] if before else frames)
    with pytest.raises(InputError, match=error):
        read(clip(tmp_path, ("libx264", {"bf": "0"})), hardware=GPU)


def test_pictures_that_become_interlaced(tmp_path: Path, gpus: list[StandIn], monkeypatch: pytest.MonkeyPatch) -> None:
    class Woven(OnDevice):
        interlaced_frame = True

    stand_in(monkeypatch, lambda frames, before: [Woven(f._frame) for f in frames] if before else frames)
    path = clip(tmp_path, ("libx264", {"bf": "0"}))
    with pytest.raises(InputError, match=r"become interlaced, which can't be undone on a GPU; try --deinterlace off"):
        read(path, hardware=GPU)
    assert_alike(read(path, hardware=GPU, deinterlacing=Deinterlacing.OFF)[1], read(path)[1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_driver_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's own words; PyTorch's part is left out, which would end it before."""
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    with pytest.raises(DeviceError, match=r"^cuda:0: FFmpeg can't use its driver \(.+\); leave out --hwaccel cuda$"):
        VideoSource(str(clip(tmp_path)), SourceOptions(hardware=torch.device("cuda:0")))


def test_how_a_decoder_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In PyTorch's context, for pictures that stay; FFmpeg's decoder of its own, as libdav1d knows no GPU."""
    asked: list[Any] = []

    def accelerated(*arguments: object, **settings: object) -> None:
        asked.append((arguments, settings))

    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: asked.append("context"))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(hardware, "HWAccel", accelerated)
    with av.open(clip(tmp_path, AV1, "yuv420p10le")) as container:
        stream = container.streams.video[0]
        decoder = open_decoder(stream, torch.device("cuda:1"))
        assert decoder.extradata == stream.codec_context.extradata
    assert decoder.name == "av1" and decoder.thread_count == 1
    assert decoder.options["pkt_timebase"] == "1/1000" and "max_pixels" in decoder.options
    in_its_context = {"primary_ctx": "0", "current_ctx": "1"}
    assert asked == ["context", (("cuda", "1", False, in_its_context), {"is_hw_owned": True})]


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_ffmpeg_knows_how_to_ask_a_gpu(codec: str) -> None:
    configs = av.Codec(codec, "r").hardware_configs
    assert any(config.device_type.name == "cuda" and config.is_supported for config in configs)

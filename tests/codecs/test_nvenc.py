"""Encoding from a GPU, as far as a CPU can tell: x265 stands in for NVENC, and takes its pictures by the same way."""

import gc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conversions import IDENTITY, options, video_codes
from tests.engines.test_copies import LateCopies
from tsexpand.codecs import encode, nvenc
from tsexpand.codecs.encoders import LIBRARIES, EncoderOptions, Library
from tsexpand.codecs.nvenc import DevicePictures
from tsexpand.codecs.pixels import frame_from_planes
from tsexpand.colour.ycbcr import Planes
from tsexpand.convert import conversion, convert
from tsexpand.convert.report import ConvertReport
from tsexpand.errors import OutputError
from tsexpand.sinks.pipe import PipeFormat

from .input_clips import random_planes, write_clip

GPU = torch.device("cpu")
"""Stands in for one."""

X265 = Library(
    "libx265",
    LIBRARIES["hevc_nvenc"].coding,
    replace(LIBRARIES["hevc"].quality, preset="ultrafast"),
    interleaved="p010le",
    options={"x265-params": LIBRARIES["hevc"].options["x265-params"] + ":lossless=1"},
)


class SharedMemory:
    """What PyTorch and FFmpeg share, where that is the CPU's memory; and what was done with it, in order."""

    context = None
    done: ClassVar[list[str]] = []

    def __init__(self, device: torch.device) -> None:
        assert device == GPU

    def current(self) -> AbstractContextManager[None]:
        self.done.append("current")
        return nullcontext()

    def memory(self) -> AbstractContextManager[None]:
        self.done.append("memory")
        return nullcontext()

    def wait(self) -> None:
        self.done.append("wait")

    def make_room(self) -> None:
        self.done.append("room")

    def __del__(self) -> None:
        self.done.append("memory goes")


class Context:
    """A codec context that tells when it goes, and may fail.

    Args:
        real: does the work.
        fails: whether it fails, given the picture.
    """

    def __init__(self, real: av.VideoCodecContext, fails: Callable[[av.VideoFrame | None], bool]) -> None:
        self.__dict__.update(_real=real, _fails=fails)

    def encode(self, frame: av.VideoFrame | None) -> list[Any]:
        if self._fails(frame):
            raise av.error.ExternalError(-1, "Generic error in an external library")
        return self._real.encode(frame)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)

    def __del__(self) -> None:
        SharedMemory.done.append("encoder goes")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """x265 encodes what is said to be on the GPU."""
    context = encode._context

    def opens(*arguments: Any) -> av.VideoCodecContext:
        *others, pixel_format = arguments
        return context(*others, "yuv420p10le" if pixel_format in ("cuda", "p010le") else pixel_format)

    monkeypatch.setattr(encode, "_context", opens)
    monkeypatch.setitem(LIBRARIES, "hevc_nvenc", X265)
    monkeypatch.setattr(nvenc, "_Gpu", SharedMemory)
    monkeypatch.setattr(SharedMemory, "done", [])


def converted(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, device: torch.device | None, **changes: Any
) -> ConvertReport:
    """A clip of odd size, encoded from a device, or from the CPU.

    Its coded pictures are whole blocks: of others swscale, which x265 needs here, makes wrong ones of p010.
    """
    source = folder / "clip.mkv"
    if not source.exists():
        pictures = [random_planes("yuv420p", 127, 63, seed) for seed in range(7)]
        write_clip(source, pictures, "yuv420p", audio_seconds=[0.2])
    wanted = EncoderOptions("hevc_nvenc", 4.0, device=device)
    monkeypatch.setattr(conversion, "_where_the_light_is", lambda delivery, engine: replace(delivery, encoder=wanted))
    return convert(options(source, folder / name, batch_size=3, **changes), IDENTITY)


def assert_same_pictures(ours: Path, theirs: Path) -> None:
    """Which are coded without loss; x265 codes the same pictures in more than one way."""
    for our, their in zip(video_codes(ours), video_codes(theirs), strict=True):
        assert our.shape[0] == 7 and np.array_equal(our, their)


@pytest.mark.parametrize(("width", "height"), [(64, 48), (50, 30), (2, 2), (300, 4)], ids=str)
def test_a_block_is_the_picture_as_ffmpeg_interleaves_it(width: int, height: int) -> None:
    pictures = [random_planes("yuv420p10le", width, height, seed) for seed in range(3)]
    planes = tuple(map(torch.stack, zip(*pictures, strict=True)))
    device = DevicePictures(GPU, width, height)
    blocks = device.pack(planes)
    assert blocks.shape[1:] == (height * 3 // 2, -(-width // 256) * 256) and blocks.is_contiguous()
    for block, picture in zip(blocks, pictures, strict=True):
        known = frame_from_planes(picture, "yuv420p10le").reformat(format="p010le")
        ours = device.picture(block)
        assert (ours.format.name, ours.width, ours.height) == ("p010le", width, height)
        for our, its in zip(ours.planes, known.planes, strict=True):
            words = [np.frombuffer(p, np.uint16).reshape(p.height, -1)[:, :width] for p in (our, its)]
            assert np.array_equal(*words)


def test_edges_are_repeated_where_the_coded_picture_is_larger() -> None:
    luma, cb, cr = (torch.arange(n, dtype=torch.int32).to(torch.uint16) for n in (15, 6, 6))
    planes = luma.view(1, 3, 5), cb.view(1, 2, 3), cr.view(1, 2, 3)
    (block,) = DevicePictures(GPU, 6, 4).pack(planes).int() >> 6
    assert block[:4, :6].tolist() == [[0, 1, 2, 3, 4, 4], [5, 6, 7, 8, 9, 9], *[[10, 11, 12, 13, 14, 14]] * 2]
    assert block[4:, :6].tolist() == [[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]


def test_codes_of_all_sizes_survive() -> None:
    codes = torch.arange(1024, dtype=torch.int32).view(1, 32, 32)
    half = codes[:, ::2, ::2]
    (block,) = DevicePictures(GPU, 32, 32).pack(tuple(p.to(torch.uint16) for p in (codes, half, half))).int()
    assert torch.equal(block[:32, :32], codes[0] << 6)


def test_a_picture_keeps_its_memory() -> None:
    device = DevicePictures(GPU, 32, 32)
    planes = tuple(torch.full((1, s, s), 700, dtype=torch.int32).to(torch.uint16) for s in (32, 16, 16))
    pictures = [device.picture(device.pack(planes)[0]) for _ in range(50)]
    assert {
        int(word) for p in pictures for word in np.frombuffer(p.planes[0], np.uint16).reshape(32, -1)[:, :32].flat
    } == {700 << 6}


def test_a_file_is_the_same_from_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = converted(tmp_path, "gpu.mp4", monkeypatch, GPU)
    theirs = converted(tmp_path, "cpu.mp4", monkeypatch, None)
    # The test picture is waited for; later ones are with the light levels.
    assert SharedMemory.done.count("wait") == 1
    packed = 1 + 3  # batches; room is made before the first picture
    assert SharedMemory.done.count("memory") == packed and SharedMemory.done.count("current") == 3 + 7
    assert SharedMemory.done.count("room") == 1
    assert ours.notices == theirs.notices and ours.content_light == theirs.content_light
    assert_same_pictures(tmp_path / "gpu.mp4", tmp_path / "cpu.mp4")


def test_a_stream_is_the_same_from_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, device in ("gpu", GPU), ("cpu", None):
        with (tmp_path / name).open("wb") as file:
            converted(tmp_path, f"/dev/fd/{file.fileno()}", monkeypatch, device, pipe_format=PipeFormat.TS)
    assert_same_pictures(tmp_path / "gpu", tmp_path / "cpu")
    assert SharedMemory.done.count("wait") == 1


class LateWork(LateCopies):
    """As on a GPU: what was packed is there only when what was fetched after it has been waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[tuple[Tensor, Tensor]] = []
        self.fetched: list[tuple[int, ...]] = []

    def down(self, tensor: Tensor) -> Tensor:
        self.fetched.append(tuple(tensor.shape))
        self._begun += self.queued
        self.queued = []
        return super().down(tensor)


def test_pictures_stay_where_they_are_and_are_whole_when_they_are_encoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = converted(tmp_path, "cpu.mp4", monkeypatch, None)
    work, pack = LateWork(), DevicePictures.pack
    is_test = [True]

    def packed(pictures: DevicePictures, planes: Planes) -> Tensor:
        block = pack(pictures, planes)
        if is_test and is_test.pop():  # waited for at once
            return block
        late = torch.zeros_like(block)
        work.queued.append((late, block))
        return late

    monkeypatch.setattr(DevicePictures, "pack", packed)
    monkeypatch.setattr(conversion, "copies_of", lambda device: work)
    ours = converted(tmp_path, "gpu.mp4", monkeypatch, GPU)
    assert work.fetched == [(2,)] * 3  # light levels, two a batch
    assert ours.content_light == theirs.content_light
    assert_same_pictures(tmp_path / "gpu.mp4", tmp_path / "cpu.mp4")


def spoil_chroma(planes: Planes) -> Planes:
    return planes[0], planes[2], planes[1]


def spoil_luma(planes: Planes) -> Planes:
    return planes[0].view(torch.int16).flip(1).view(torch.uint16), *planes[1:]


@pytest.mark.parametrize("spoil", [spoil_chroma, spoil_luma])
def test_an_encoder_that_shows_another_picture_is_not_trusted(
    spoil: Callable[[Planes], Planes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = DevicePictures.pack
    monkeypatch.setattr(DevicePictures, "pack", lambda pictures, planes: pack(pictures, spoil(planes)))
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "a test picture did not come back as it was")


def test_an_encoder_that_takes_none_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pictures: DevicePictures, block: Tensor) -> av.VideoFrame:
        raise av.error.ExternalError(-1, "Generic error in an external library")

    monkeypatch.setattr(DevicePictures, "picture", refuse)
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "Generic error in an external library")


def test_what_pyav_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pictures: DevicePictures, block: Tensor) -> av.VideoFrame:
        raise ValueError("plane 0 must be 2D (H, W)")

    monkeypatch.setattr(DevicePictures, "picture", refuse)
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "plane 0 must be 2D (H, W)")


def test_a_gpu_without_memory_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pictures: DevicePictures, planes: Planes) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(DevicePictures, "pack", refuse)
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "the GPU has no memory left for it")


def test_an_encoder_that_loses_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvenc, "_decoded", lambda packets, encoder, coding: [])
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "of 3 test pictures 0 came back")


def assert_encoded_from_the_cpu(folder: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    ours = converted(folder, "gpu.mp4", monkeypatch, GPU)
    theirs = converted(folder, "cpu.mp4", monkeypatch, None)
    (notice,) = set(ours.notices) - set(theirs.notices)
    assert notice == f"libx265 takes its pictures from the CPU, not from cpu: {why}."
    assert_same_pictures(folder / "gpu.mp4", folder / "cpu.mp4")


def test_the_worst_quality_is_trusted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "hevc_nvenc", replace(X265, options=LIBRARIES["hevc"].options))
    source = tmp_path / "clip.mkv"
    write_clip(source, [random_planes("yuv420p", 127, 63, 0)] * 2, "yuv420p")
    wanted = EncoderOptions("hevc_nvenc", 51.0, "ultrafast", GPU)
    monkeypatch.setattr(conversion, "_where_the_light_is", lambda delivery, engine: replace(delivery, encoder=wanted))
    report = convert(options(source, tmp_path / "out.mkv"), IDENTITY)
    assert not any("not from" in notice for notice in report.notices)


@pytest.mark.parametrize("width", [64, 128])
def test_pictures_of_another_kind_are_a_refusal(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "gray" if width == 128 else "yuv420p10le"
    pictures = [av.VideoFrame(width, 64, kind)] * 3
    monkeypatch.setattr(nvenc, "_decoded", lambda packets, encoder, coding: pictures)
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "a test picture did not come back as it was")


@pytest.mark.parametrize("error", [TypeError, BufferError, MemoryError, RuntimeError, NotImplementedError])
def test_whatever_fails_in_the_trial_is_a_refusal(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(device: torch.device) -> SharedMemory:
        raise error("CUDA error: no\nand more")

    monkeypatch.setattr(nvenc, "_Gpu", fail)
    assert_encoded_from_the_cpu(tmp_path, monkeypatch, "CUDA error: no")


def telling(monkeypatch: pytest.MonkeyPatch, fails: Callable[[av.VideoFrame | None], bool]) -> None:
    """Encoders that tell when they go."""
    context = encode._context
    monkeypatch.setattr(encode, "_context", lambda *arguments: Context(context(*arguments), fails))


def test_an_encoder_goes_before_the_memory_that_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    telling(monkeypatch, lambda frame: False)
    converted(tmp_path, "gpu.mp4", monkeypatch, GPU)
    gc.collect()
    gone = [step for step in SharedMemory.done if step in ("room", "encoder goes", "memory goes")]
    assert gone == ["encoder goes", "room", "encoder goes", "memory goes"]  # the trial's, until there is a picture
    SharedMemory.done.clear()
    monkeypatch.setattr(nvenc, "_decoded", lambda packets, encoder, coding: [])
    (tmp_path / "gpu.mp4").unlink()
    converted(tmp_path, "gpu.mp4", monkeypatch, GPU)
    assert [step for step in SharedMemory.done if "goes" in step][:2] == ["encoder goes", "memory goes"]


@pytest.mark.parametrize(
    ("number", "when"),
    [(0, "at 00:00:00.000"), (4, "at 00:00:00.160"), (7, "at its end")],
    ids=["first", "later", "end"],
)
def test_an_encoder_that_fails_says_when(
    number: int, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [-4]  # the test picture, three times, and its end

    def fails(frame: av.VideoFrame | None) -> bool:
        seen[0] += 1
        return seen[0] == number + 1

    telling(monkeypatch, fails)
    with pytest.raises(OutputError, match=rf"^encoder libx265 failed {when} \(Generic error .*\); see the encoder's"):
        converted(tmp_path, "gpu.mp4", monkeypatch, GPU)
    assert not (tmp_path / "gpu.mp4").exists()


@pytest.mark.parametrize(("name", "expected"), [("cuda:1", "cuda:1"), ("cpu", None), ("mps", None)])
def test_pictures_are_encoded_where_the_light_is(name: str, expected: str | None, tmp_path: Path) -> None:
    engine = SimpleNamespace(device=torch.device(name))
    delivery = options(tmp_path / "in.mkv", tmp_path / "out.mkv").delivery
    found = conversion._where_the_light_is(delivery, engine)
    assert found.encoder.device == (None if expected is None else torch.device(expected))
    assert replace(found, encoder=delivery.encoder) == delivery

"""A clip in, HDR out, end to end, mostly with the engine that changes nothing."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.codecs.input_clips import write_clip
from tests.codecs.stills.files import write
from tests.compiled_code import code_of, needs_compiler
from tests.conversions import IDENTITY, exr_light, options, seconds, video_codes
from tests.machines import of_cores
from tests.network.models import random_network
from tsexpand.codecs.source import open_source
from tsexpand.colour.signal import HLG10
from tsexpand.compiled import Compilation
from tsexpand.convert import ConvertProgress, Spent, conversion, convert, motion, time_spent
from tsexpand.convert.options import estimated_frames
from tsexpand.engines import Setup
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.engines.devices import Precision
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import DeviceError, InputError, OutputError
from tsexpand.flow import StageTimes
from tsexpand.frames import LightBatch, SignalBatch
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights
from tsexpand.temporal.cpu_motion import CpuMotion, MotionArtefact

Planes = tuple[torch.Tensor, ...]
TAGS = {"color_primaries": 1, "color_trc": 1, "colorspace": 1, "color_range": 1}
VFR = [0, 40, 95, 140, 150, 333, 400, 402]


def flat(y: int, cb: int = 128, cr: int = 128, width: int = 64, height: int = 48) -> Planes:
    chroma = (height // 2, width // 2)
    return (
        torch.full((height, width), y, dtype=torch.uint8),
        torch.full(chroma, cb, dtype=torch.uint8),
        torch.full(chroma, cr, dtype=torch.uint8),
    )


def columns(planes: list[Planes]) -> Planes:
    """Pictures side by side."""
    return tuple(torch.cat(parts, dim=1) for parts in zip(*planes, strict=True))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Eight frames at uneven times, with two sound tracks."""
    path = tmp_path / "clip.mkv"
    write_clip(path, [flat(40 + 8 * i) for i in range(8)], pts=VFR, tags=TAGS, audio_seconds=(0.4, 0.3))
    return path


def probe(path: Path, *arguments: str) -> dict[str, list[dict[str, object]]]:
    if shutil.which("ffprobe") is None:
        pytest.skip("needs ffprobe")
    command = ["ffprobe", "-v", "error", "-of", "json", *arguments, str(path)]
    values: dict[str, list[dict[str, object]]] = json.loads(subprocess.check_output(command))
    return values


def test_white_lands_on_reference_white(tmp_path: Path) -> None:
    write_clip(tmp_path / "white.mkv", [flat(235)] * 3, tags=TAGS)
    report = convert(options(tmp_path / "white.mkv", tmp_path / "out.mkv", tmp_path / "exr"), IDENTITY)
    assert exr_light(tmp_path / "exr") * 203 == pytest.approx(203, abs=0.5)
    luma, cb, cr = video_codes(tmp_path / "out.mkv")
    assert luma.mean(axis=(1, 2)) == pytest.approx([572.68] * 3, abs=0.5)  # PQ of 203 cd/m², limited 10 bit
    assert np.median(luma) == 573 and (cb == 512).all() and (cr == 512).all()
    assert report.content_light is not None
    assert (report.content_light.max_cll, report.content_light.max_fall) == (203, 203)


@pytest.mark.parametrize("luma", [235, 180, 126, 60])
def test_hlg_shows_the_light_of_the_sdr_display(tmp_path: Path, luma: int) -> None:
    """By colour-science's EOTF of BT.2100 HLG, on its display of 1000 cd/m²; white so comes to 75 % (BT.2408)."""
    colour = pytest.importorskip("colour")
    write_clip(tmp_path / "grey.mkv", [flat(luma)] * 2, tags=TAGS)
    convert(options(tmp_path / "grey.mkv", tmp_path / "out.mkv", signal=HLG10), IDENTITY)
    signal = (video_codes(tmp_path / "out.mkv")[0].mean() - 64) / 876
    shown = colour.models.eotf_BT2100_HLG(np.full(3, signal), L_B=0, L_W=1000)
    assert shown == pytest.approx(203 * ((luma - 16) / 219) ** 2.4, rel=0.01)
    assert luma < 235 or signal == pytest.approx(0.75, abs=0.001)


def test_black_is_black(tmp_path: Path) -> None:
    write_clip(tmp_path / "black.mkv", [flat(16)] * 3, tags=TAGS)
    convert(options(tmp_path / "black.mkv", tmp_path / "out.mp4", tmp_path / "exr"), IDENTITY)
    assert exr_light(tmp_path / "exr").abs().max() == 0
    luma, cb, cr = video_codes(tmp_path / "out.mp4")
    assert (luma == 64).all() and (cb == 512).all() and (cr == 512).all()


def test_noise_is_averaged_out_unless_it_is_to_stay(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pictures = []
    for _ in range(4):
        luma, cb, cr = flat(110)
        pictures.append((luma + torch.randint(-1, 2, luma.shape, generator=generator).to(torch.uint8), cb, cr))
    write_clip(tmp_path / "noisy.mkv", pictures, tags=TAGS)
    spread = {}
    for name, denoise in (("kept", False), ("denoised", True)):
        video, folder = tmp_path / f"{name}.mkv", tmp_path / name
        convert(options(tmp_path / "noisy.mkv", video, folder, denoise=denoise), IDENTITY)
        spread[name] = float(exr_light(folder).std(dim=0).mean()), float(video_codes(video)[0].std(axis=0).mean())
    assert all(after < 0.7 * before for before, after in zip(spread["kept"], spread["denoised"], strict=True))


def test_a_grey_ramp_stays_neutral_and_rises(tmp_path: Path) -> None:
    ramp = columns([flat(16 + step, width=2, height=16) for step in range(220)])
    write_clip(tmp_path / "ramp.mkv", [ramp], tags=TAGS)
    convert(options(tmp_path / "ramp.mkv", tmp_path / "out.mkv", tmp_path / "exr"), IDENTITY)
    light = exr_light(tmp_path / "exr")[0]
    assert torch.equal(light[0], light[1]) and torch.equal(light[1], light[2])
    assert (light[0, 0, ::2].diff() > 0).all()
    luma, cb, cr = (plane[0].astype(float) for plane in video_codes(tmp_path / "out.mkv"))
    assert abs(cb - 512).max() <= 1 and abs(cr - 512).max() <= 1
    steps = luma.reshape(16, 220, 2).mean(axis=(0, 2))
    assert (np.diff(steps) > -0.25).all() and (np.diff(steps[::4]) > 0).all()


def test_colour_bars_are_where_the_standards_put_them(tmp_path: Path) -> None:
    colour = pytest.importorskip("colour", reason="needs colour-science")
    bars = [(r, g, b) for g in (1.0, 0.0) for r in (1.0, 0.0) for b in (1.0, 0.0)]
    weights = colour.WEIGHTS_YCBCR["ITU-R BT.709"]
    codes = colour.RGB_to_YCbCr(np.array(bars) * 0.75, K=weights, out_bits=8, out_legal=True, out_int=True)
    write_clip(tmp_path / "bars.mkv", [columns([flat(*map(int, c), width=32, height=32) for c in codes])], tags=TAGS)
    convert(options(tmp_path / "bars.mkv", tmp_path / "out.mkv"), IDENTITY)

    signal = colour.YCbCr_to_RGB(codes, K=weights, in_bits=8, in_legal=True, in_int=True)
    light = 203 * np.clip(signal, 0, 1) ** 2.4
    spaces = [colour.RGB_COLOURSPACES[name] for name in ("ITU-R BT.709", "ITU-R BT.2020")]
    to_xyz, to_2020 = (colour.normalised_primary_matrix(s.primaries, s.whitepoint) for s in spaces)
    wide = np.clip(light @ (np.linalg.inv(to_2020) @ to_xyz).T, 0, None)
    pq = colour.models.eotf_inverse_ST2084(wide)
    expected = colour.RGB_to_YCbCr(
        pq, K=colour.WEIGHTS_YCBCR["ITU-R BT.2020"], out_bits=10, out_legal=True, out_int=False
    )
    luma, cb, cr = video_codes(tmp_path / "out.mkv")
    for bar, wanted in enumerate(expected * 1023):
        middle = slice(32 * bar + 12, 32 * bar + 20)
        half = slice(16 * bar + 6, 16 * bar + 10)
        found = [luma[0, 12:20, middle].mean(), cb[0, 6:10, half].mean(), cr[0, 6:10, half].mean()]
        assert found == pytest.approx(wanted.tolist(), abs=1.0), bars[bar]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_times_sound_and_tags_survive(clip: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out.{suffix}"
    report = convert(options(clip, output), IDENTITY)
    assert report.frames == 8
    assert seconds(output) == [Fraction(ms, 1000) for ms in VFR]
    streams = probe(output, "-show_streams")["streams"]
    assert [s["codec_type"] for s in streams] == ["video", "audio", "audio"]
    video = streams[0]
    assert (video["color_primaries"], video["color_transfer"], video["color_space"]) == (
        "bt2020",
        "smpte2084",
        "bt2020nc",
    )
    assert (video["color_range"], video["chroma_location"], video["pix_fmt"]) == ("tv", "topleft", "yuv420p10le")
    sides = {s["side_data_type"] for s in video["side_data_list"]}  # type: ignore[attr-defined,index]
    assert {"Mastering display metadata", "Content light level metadata"} <= sides


def test_several_outputs_come_of_one_pass(clip: Path, tmp_path: Path) -> None:
    report = convert(options(clip, tmp_path / "exr", tmp_path / "a.mkv", tmp_path / "b.mp4"), IDENTITY)
    assert len(list((tmp_path / "exr").iterdir())) == len(seconds(tmp_path / "a.mkv")) == 8
    assert len(seconds(tmp_path / "b.mp4")) == 8
    assert report.content_light is not None


def test_a_part_begins_at_zero(clip: Path, tmp_path: Path) -> None:
    convert(options(clip, tmp_path / "out.mp4", start=Fraction(1, 10), frames=3), IDENTITY)
    assert seconds(tmp_path / "out.mp4") == [Fraction(ms - 140, 1000) for ms in (140, 150, 333)]


def test_a_source_is_never_replaced(clip: Path) -> None:
    before = clip.read_bytes()
    with pytest.raises(OutputError, match="is an input"):
        convert(options(clip, clip, overwrite=True), IDENTITY)
    assert clip.read_bytes() == before


@pytest.mark.parametrize("name", ["in", "in/s.%02d.png"])
def test_no_picture_of_a_sequence_is_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    for number in range(1, 4):
        write(tmp_path / f"in/s.{number:02}.png")
    picture = tmp_path / "in/s.03.png"
    before = picture.read_bytes()
    wanted = options(tmp_path / name, picture, overwrite=True, frame_rate=Fraction(25), frames=1)
    with pytest.raises(OutputError, match="is an input"):
        convert(wanted, IDENTITY)
    assert picture.read_bytes() == before


def test_memory_that_ends_is_a_device_error(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="out of memory"):
        convert(options(clip, tmp_path / "out", batch_size=1), Failing(torch.OutOfMemoryError("no more")))


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_batch_size_does_not_show(clip: Path, tmp_path: Path, batch_size: int) -> None:
    convert(options(clip, tmp_path / "one", batch_size=2), IDENTITY)
    convert(options(clip, tmp_path / "other", batch_size=batch_size), IDENTITY)
    assert torch.equal(exr_light(tmp_path / "one"), exr_light(tmp_path / "other"))


@pytest.mark.parametrize(
    ("parametrisation", "transfer"),
    [(Parametrisation.ABSOLUTE, 1), (Parametrisation.RELATIVE, 1), (Parametrisation.ABSOLUTE, 13), (None, 13)],
)
def test_cores_and_portions_change_no_bit(
    tmp_path: Path, parametrisation: Parametrisation | None, transfer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures large enough that PyTorch would divide them, of sizes that leave a rest in every division."""
    generator = torch.Generator().manual_seed(3)
    sizes = [(139, 251), (70, 126), (70, 126)]
    first = tuple(torch.randint(30, 220, size, generator=generator, dtype=torch.uint8) for size in sizes)
    write_clip(
        tmp_path / "noise.mkv",
        [tuple(plane + i for plane in first) for i in range(4)],
        tags=TAGS | {"color_trc": transfer},
    )
    monkeypatch.setattr("tsexpand.cores._STRIP_PIXELS", 3000)  # several strips, as of larger pictures
    weights = None if parametrisation is None else Weights(random_network(), parametrisation, "test", "", {})
    results = []
    for cores, batch_size, tile in ((1, 1, 1000), (2, 4, 64), (3, 3, 100), (7, 2, 40)):
        outputs = tmp_path / f"{cores}", tmp_path / f"{cores}.mkv"
        with of_cores(cores):
            cpu = torch.device("cpu")
            engine = NetworkEngine(weights, cpu, Precision.FLOAT32, tile) if weights else AnalyticEngine(cpu)
            convert(options(tmp_path / "noise.mkv", *outputs, batch_size=batch_size, smooth=True), engine)
        results.append((exr_light(outputs[0]), *map(torch.from_numpy, video_codes(outputs[1]))))
    for other in results[1:]:
        assert all(torch.equal(*pair) for pair in zip(results[0], other, strict=True))


def test_progress_counts_to_the_end(clip: Path, tmp_path: Path) -> None:
    shown: list[ConvertProgress] = []
    convert(options(clip, tmp_path / "out", batch_size=3), IDENTITY, on_progress=shown.append)
    assert [progress.frames for progress in shown] == [3, 6, 8]
    assert all(progress.bottleneck in ("decode", "network", "write") for progress in shown)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 10),
        ({"start": Fraction(3, 25)}, 7),
        ({"start": Fraction(5, 50)}, 7),  # between two pictures
        ({"start": Fraction(3, 25), "frames": 4}, 4),
        ({"start": Fraction(8, 25), "frames": 4}, 2),
        ({"frames": 12}, 10),
    ],
)
@pytest.mark.parametrize("kind", ["pictures", "clip"])
def test_frames_to_come_are_known(tmp_path: Path, kind: str, asked: dict[str, Any], count: int) -> None:
    if kind == "pictures":
        (tmp_path / "in").mkdir()
        for number in range(10):
            write(tmp_path / f"in/s.{number:03}.png")
        made = options(tmp_path / "in", tmp_path / "out", frame_rate=Fraction(25), **asked)
    else:
        write_clip(tmp_path / "in.mp4", [flat(100)] * 10, pts=[40 * i for i in range(10)], tags=TAGS)
        made = options(tmp_path / "in.mp4", tmp_path / "out", **asked)
    shown: list[ConvertProgress] = []
    assert convert(made, IDENTITY, on_progress=shown.append).frames == count
    assert {progress.total for progress in shown} == {count}
    with open_source(made.source, made.reading) as source:
        assert estimated_frames(source.info, made.reading) == pytest.approx(count, abs=0.5)


def test_the_time_of_a_stage_is_work_and_waiting() -> None:
    decode = StageTimes("decode", 9, busy=3.0, blocked=6.5, starved=1.0)
    network = StageTimes("network", 9, busy=8.0, blocked=1.5, starved=7.5)
    expected = {"decode": Spent(3.0, 6.5), "network": Spent(7.0, 2.5), "write": Spent(2.5, 7.5)}
    assert time_spent([decode, network], 10.0) == expected


class Failing(AnalyticEngine):
    """An engine that raises at its third batch."""

    def __init__(self, error: Exception) -> None:
        super().__init__(torch.device("cpu"))
        self._error, self._count = error, 0

    def expand(self, batch: SignalBatch) -> LightBatch:
        self._count += 1
        if self._count == 3:
            raise self._error
        return IDENTITY.expand(batch)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    left = {thread.name for thread in threading.enumerate() if thread.name.startswith("tsexpand")}
    assert not {name for name in left if not name.startswith("tsexpand-core")}  # those are of the process


@pytest.mark.parametrize("output", ["out", "out.mp4", "out.mkv"])
def test_an_engine_that_raises_leaves_nothing(clip: Path, tmp_path: Path, output: str) -> None:
    with pytest.raises(DeviceError, match="out of memory") as caught:
        convert(options(clip, tmp_path / output, batch_size=1), Failing(DeviceError("out of memory")))
    assert any("stage network" in note for note in caught.value.__notes__)
    assert left(tmp_path) == ["clip.mkv"]


@pytest.mark.parametrize("output", ["out", "out.mp4"])
def test_a_source_that_breaks_off_leaves_nothing(tmp_path: Path, output: str) -> None:
    path = tmp_path / "broken.avi"
    write_clip(path, [flat(40 + i) for i in range(12)], "yuvj420p", "mjpeg", damage={6: b"junk" * 50})
    with pytest.raises(InputError, match=r"broken\.avi: undecodable at 00:00:00\.240"):
        convert(options(path, tmp_path / output, batch_size=1), IDENTITY)
    assert left(tmp_path) == ["broken.avi"]


def test_a_failing_write_of_one_output_leaves_neither(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tsexpand.sinks.video import VideoSink

    def full(self: VideoSink, prepared: object) -> None:
        raise OutputError("No space left on device")

    monkeypatch.setattr(VideoSink, "write", full)
    with pytest.raises(OutputError, match="No space"):
        convert(options(clip, tmp_path / "exr", tmp_path / "out.mkv"), IDENTITY)
    assert left(tmp_path) == ["clip.mkv"]


def test_a_video_that_is_not_whole_when_read_back_does_not_get_its_name(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that loses what it was given; nothing that was done is thrown away."""

    def losing(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])

    monkeypatch.setattr("tsexpand.codecs.mux._sync", losing)
    with pytest.raises(OutputError, match=r"out\.mkv: not whole: .* kept as out\.partial\.mkv"):
        convert(options(clip, tmp_path / "out.mkv"), IDENTITY)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mkv", "out.partial.mkv"}


class Settled(AnalyticEngine):
    """An engine that says whether its network is compiled, and what the user wants."""

    def __init__(self, compiled: bool | None, compilation: Compilation = Compilation.AUTO) -> None:
        super().__init__(torch.device("cpu"))
        self._compiled, self._compilation = compiled, compilation

    @property
    def setup(self) -> Setup:
        return Setup("cpu", compiled=self._compiled)

    @property
    def compilation(self) -> Compilation:
        return self._compilation


def compiled_frames(
    folder: Path, monkeypatch: pytest.MonkeyPatch, engine: Settled, repaid: bool = False, **changes: Any
) -> tuple[int, str]:
    """How many of three frames compiled code saw, and what is recorded of `--compile`."""
    write_clip(folder / "clip.mkv", [flat(40)] * 3)
    code, seen = code_of(MotionArtefact()), list[Tensor]()
    monkeypatch.setattr(motion, "motion_code", lambda on_make: code)
    monkeypatch.setattr(motion, "is_repaid", lambda pixels: repaid and pixels == 3 * 64 * 48)
    monkeypatch.setattr(code, "observe", lambda *given: seen.append(given[0]) or CpuMotion.observe(code, *given))
    convert(options(folder / "clip.mkv", folder / "light.json", **changes), engine)
    return len(seen), json.loads((folder / "light.json").read_text())["options"]["compile"]


@needs_compiler
@pytest.mark.parametrize(
    ("compiled", "repaid", "frames", "record"),
    [(True, False, 3, "always"), (False, True, 0, "never"), (None, True, 3, "always"), (None, False, 0, "never")],
)
def test_denoising_is_compiled_where_the_network_is_or_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiled: bool | None, repaid: bool, frames: int, record: str
) -> None:
    assert compiled_frames(tmp_path, monkeypatch, Settled(compiled), repaid) == (frames, record)


@needs_compiler
@pytest.mark.parametrize(
    ("compiled", "compilation", "denoise", "expected"),
    [
        (None, Compilation.ALWAYS, True, (3, "always")),
        (None, Compilation.NEVER, True, (0, "never")),
        (None, Compilation.ALWAYS, False, (0, "never")),  # nothing was
        (True, Compilation.ALWAYS, False, (0, "always")),
        (True, Compilation.NEVER, True, (0, "auto")),  # as where denoising could not be
    ],
)
def test_what_ran_compiled_is_recorded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compiled: bool | None,
    compilation: Compilation,
    denoise: bool,
    expected: tuple[int, str],
) -> None:
    engine = Settled(compiled, compilation)
    assert compiled_frames(tmp_path, monkeypatch, engine, repaid=True, denoise=denoise) == expected


def test_denoising_that_cannot_be_compiled_is_told_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_clip(tmp_path / "clip.mkv", [flat(40)] * 3)
    monkeypatch.setattr(motion, "motion_code", lambda on_make: on_make() or "no compiler")
    told: list[str] = []
    report = convert(
        options(tmp_path / "clip.mkv", tmp_path / "light.json"),
        Settled(True),
        on_open=lambda info, notices: told.extend(notices),
    )
    assert "compiling denoising, which takes some seconds, once for all clips" in told
    slow = "denoising runs uncompiled, which takes about three times as long: no compiler"
    assert slow in told and slow in report.notices
    assert json.loads((tmp_path / "light.json").read_text())["options"]["compile"] == "auto"
    with pytest.raises(DeviceError, match="denoising can't be compiled here: no compiler; try --compile never"):
        convert(options(tmp_path / "clip.mkv", tmp_path / "2.json"), Settled(True, Compilation.ALWAYS))
    assert not (tmp_path / "2.json").exists()


@pytest.mark.parametrize("denoise", [True, False])
def test_what_slows_denoising_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denoise: bool) -> None:
    monkeypatch.setattr(conversion, "denoising_notices", lambda device: (f"{device}: slow",))
    write_clip(tmp_path / "clip.mkv", [flat(90)] * 2, tags=TAGS)
    told: list[str] = []
    report = convert(
        options(tmp_path / "clip.mkv", tmp_path / "out", denoise=denoise),
        AnalyticEngine(torch.device("cpu")),
        on_open=lambda info, notices: told.extend(notices),
    )
    assert ("cpu: slow" in report.notices) is ("cpu: slow" in told) is denoise

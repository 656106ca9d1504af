"""Compiled denoising: what PyTorch's operations make, on any number of cores."""

import math
import platform
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from tests.compiled_code import code_of, mistaken_compiler, needs_compiler
from tests.machines import of_cores
from tests.temporal.clips import batched, clip, light_of, picture
from tests.temporal.test_denoising import noisy, pan
from tests.temporal.test_optical_flow import moved_by
from tsexpand.colour.codes import Primaries
from tsexpand.colour.luminance import luminance_weights
from tsexpand.colour.transfer import pq_eotf, pq_inverse_eotf
from tsexpand.compiled import compiler
from tsexpand.compiled.compiler import CompilationError
from tsexpand.errors import DeviceError
from tsexpand.frames import LightBatch
from tsexpand.temporal import cpu_motion
from tsexpand.temporal.cpu_motion import SOURCE, CpuMotion, MotionArtefact, is_repaid, motion_code
from tsexpand.temporal.denoising import NOISE, Seen, average, denoise, observe
from tsexpand.temporal.optical_flow import optical_flow, warped

pytestmark = needs_compiler


@pytest.fixture
def code() -> CpuMotion:
    return code_of(MotionArtefact())


def denoised(whole: LightBatch, code: CpuMotion | None) -> Tensor:
    return light_of(denoise(batched(whole, 4), code))


def scenes(height: int, width: int, moving: float) -> tuple[list[Tensor], list[Seen]]:
    """Five noisy frames that show nearly the same, and a flow of so many pixels between them."""
    generator = torch.Generator().manual_seed(height * width)
    level = picture(1, (height, width))
    noise = torch.randn(5, 3, height, width, generator=generator)
    frames = list(pq_eotf(0.7 * level + NOISE / 2 * noise).chunk(5))
    size = (5, 2, (height + 1) // 2, (width + 1) // 2)
    flows = moving * (2 * torch.rand(size, generator=generator) - 1)
    signals = [observe(frame, Primaries.BT709) for frame in frames]
    return frames, [Seen(signal, flow) for signal, flow in zip(signals, flows.split(1), strict=True)]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("size", [(3, 5), (24, 32), (53, 66), (67, 141)])
def test_flow_is_that_of_the_operations(size: tuple[int, int], code: CpuMotion) -> None:
    first, other = moved_by(1.5, -0.75, *size)
    flow = code.optical_flow(first, other)
    assert flow.abs().max() > 0.5
    torch.testing.assert_close(flow, optical_flow(first, other), rtol=0, atol=1e-4)
    torch.testing.assert_close(code.warped(flow, 9 * flow), warped(flow, 9 * flow), rtol=0, atol=1e-4)
    assert not code.optical_flow(first, first.clone()).any()


@pytest.mark.parametrize("moving", [0.0, 0.4, 3.0, 40.0])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (24, 32), (37, 53), (48, 131)])
@pytest.mark.parametrize("position", [0, 2])
def test_light_is_that_of_the_operations(size: tuple[int, int], moving: float, position: int, code: CpuMotion) -> None:
    frames, near = scenes(*size, moving)
    own = frames[position]
    expected, found = (pq_inverse_eotf(average(own, near, position, motion)) for motion in (None, code))
    assert moving or (expected - pq_inverse_eotf(own)).abs().mean() > NOISE / 20
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("signal", [picture(1, (72, 96)).expand(6, -1, -1, -1), pan(5, 6)], ids=["still", "pan"])
def test_a_clip_is_denoised_as_by_the_operations(signal: Tensor, code: CpuMotion) -> None:
    whole = noisy(signal, 0.7)
    found, expected = (pq_inverse_eotf(denoised(whole, motion)) for motion in (code, None))
    assert (expected - pq_inverse_eotf(whole.light)).abs().mean() > 1e-4
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("size", [(24, 32), (135, 641)])
def test_a_static_clip_is_unchanged_to_the_last_bit(count: int, size: tuple[int, int], code: CpuMotion) -> None:
    still = picture(1, size).clone()
    still[:, 7:19, 5:20] = 0.9  # hard edges
    still[:, 2:5] = 0
    light = 300 * still**2.4
    whole = clip(still.clamp(0, 1).expand(count, -1, -1, -1), light=light.expand(count, -1, -1, -1))
    assert torch.equal(denoised(whole, code), whole.light)


def test_light_beyond_pq_stays(code: CpuMotion) -> None:
    frames, near = scenes(24, 80, 0.4)
    bright = frames[2] * 300
    changed, light = bright != average(bright, near, 2, code), bright >= 10_000
    assert light.any() and not changed[light].any() and changed[~light].any()


def test_pixels_are_the_same_on_any_number_of_cores(code: CpuMotion) -> None:
    whole = noisy(pan(7, 4)[..., :89], 0.7)
    found = denoised(whole, code)
    for count in (1, 3, 7):
        with of_cores(count):
            assert torch.equal(denoised(whole, code), found)


def test_rows_are_the_same_in_any_strip(code: CpuMotion, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, near = scenes(48, 131, 1.5)

    def all_of_it() -> list[Tensor]:
        seen = [code.observe(frame, Primaries.BT709) for frame in frames]
        flow = code.optical_flow(seen[0][:, 3:], seen[1][:, 3:])
        return [*seen, flow, code.warped(flow, 3 * flow), average(frames[2], near, 2, code)]

    whole = all_of_it()

    def thin(picture: Tensor, times: int = 1) -> Iterator[slice]:
        height = picture.shape[2]
        return (slice(top, min(top + 5, height)) for top in range(0, height, 5))

    monkeypatch.setattr(cpu_motion, "strips", thin)
    assert all(map(torch.equal, all_of_it(), whole))


def test_signals_are_exact(code: CpuMotion) -> None:
    """Nearer to what SMPTE ST 2084 says than PyTorch's powers in float32 are."""
    light = torch.cat((torch.zeros(1), torch.logspace(-6, 4, 10_000 - 1))).clamp_max(10_000)
    frame = torch.stack((light, light.flip(0), light.roll(5000))).reshape(1, 3, 100, 100)
    signal = code.observe(frame, Primaries.BT2020)
    level = torch.einsum("nchw,c->nhw", frame.double(), luminance_weights(Primaries.BT2020)).unsqueeze(1)
    torch.testing.assert_close(signal[:, 3:].double(), pq_inverse_eotf(level), rtol=0, atol=4e-7)
    whole = pq_inverse_eotf(frame.double())
    torch.testing.assert_close((signal[:, :3] + signal[:, 3:]).double(), whole, rtol=0, atol=4e-7)


def test_light_is_exact(code: CpuMotion) -> None:
    """Of two frames without noise to be told apart: shown is their average."""
    signal = torch.linspace(0.02, 0.999, 10_000, dtype=torch.float64).reshape(1, 1, 100, 100)
    one, other = (pq_eotf((signal + difference).clamp(0, 1)).float().expand(1, 3, -1, -1) for difference in (0, -1e-4))
    seen = [code.observe(frame, Primaries.BT709) for frame in (one, other)]
    flow = torch.zeros(1, 2, 50, 50)
    found = code.average(one.contiguous(), seen[0], [(seen[1], flow)], noise=1.0, shadow=1e-6)
    torch.testing.assert_close(found.double(), pq_eotf(signal - 5e-5).expand_as(found), rtol=2e-5, atol=0)


@pytest.mark.parametrize("flow", [math.nan, math.inf, -math.inf, 1e30, -1e9])
def test_places_far_beyond_a_picture_are_harmless(flow: float, code: CpuMotion) -> None:
    """As weights could make them that give light that is no number."""
    frames, near = scenes(24, 80, 0.0)
    light, motion = frames[2], torch.full((1, 2, 12, 40), flow)
    found = code.average(light, near[2].signal, [(near[1].signal, motion)], NOISE, 0.1)
    assert found.shape == light.shape
    assert code.warped(motion, motion).shape == motion.shape
    broken = torch.full_like(light, math.nan)
    assert code.optical_flow(broken[:, :1], light[:, :1]).shape == motion.shape
    assert code.average(broken, code.observe(broken, Primaries.BT709), [(near[1].signal, motion)], NOISE, 0.1).shape


def test_what_is_no_picture_is_refused(code: CpuMotion) -> None:
    frames, near = scenes(24, 32, 0.0)
    signal, flow = near[2]
    for wrong in (frames[2].double(), frames[2][:, :2], frames[2].expand(2, -1, -1, -1)):
        with pytest.raises(ValueError, match="not a picture of 3 planes"):
            code.observe(wrong, Primaries.BT709)
    with pytest.raises(ValueError, match="not of one size"):
        code.warped(flow, flow[..., :8])
    for other, motion in ((signal[..., :16], flow), (signal, flow[..., :8])):
        with pytest.raises(ValueError, match="not of one size"):
            code.average(frames[2], signal, [(other, motion), (signal, flow)], NOISE, 0.1)


def test_too_little_memory_is_told(code: CpuMotion, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, near = scenes(24, 32, 0.0)
    monkeypatch.setattr(code, "_code", SimpleNamespace(average=lambda *given: 1, warp=lambda *given: 0))
    with pytest.raises(DeviceError, match="out of memory to denoise frames of 32×24 pixels"):
        average(frames[2], near, 2, code)


@pytest.fixture
def forgotten() -> Iterator[None]:
    """Whether it can be had is asked anew, in the test and after it."""
    cpu_motion._motion_code.cache_clear()
    yield
    cpu_motion._motion_code.cache_clear()


@pytest.mark.usefixtures("forgotten")
def test_it_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path))
    told: list[str] = []
    code = motion_code(lambda: told.append("compiling"))
    assert isinstance(code, CpuMotion) and motion_code(lambda: told.append("again")) is code
    cpu_motion._motion_code.cache_clear()
    assert isinstance(motion_code(lambda: told.append("again")), CpuMotion)
    assert told == ["compiling"]


@pytest.mark.usefixtures("forgotten")
def test_why_it_cannot_be_had_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path))
    monkeypatch.setenv("CXX", "/nowhere/g++")
    why = motion_code()
    assert isinstance(why, str) and "no C++ compiler" in why
    monkeypatch.delenv("CXX")
    assert motion_code() == why  # it is not tried for every clip


def test_it_is_compiled_where_that_is_repaid_or_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path))
    with of_cores(2):
        assert not is_repaid(1280 * 720 * 10) and is_repaid(1920 * 1080 * 25) and is_repaid(math.inf)
    MotionArtefact().path.touch()
    assert is_repaid(1)
    for name in ("TSEXPAND_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert not is_repaid(math.inf)


def test_wrong_code_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a compiler that makes a mistake in the weights, say."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    mistaken = mistaken_compiler(tmp_path, SOURCE, "A = -0.75f", "A = -0.5f")
    monkeypatch.setenv("CXX", str(mistaken))
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CompilationError, match="is wrong by"):
        MotionArtefact().make()
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.skipif(shutil.which("g++") is None or platform.machine() != "x86_64", reason="needs g++ for x86-64")
@pytest.mark.parametrize("processor", ["x86-64", "haswell"])
def test_shorter_vectors_give_the_same_light(processor: str, code: CpuMotion, tmp_path: Path) -> None:
    """As on CPUs without AVX512, or without vectors of eight; and it is compiled without a warning."""
    library = tmp_path / "motion.so"
    flags = (*compiler._FLAGS, f"-march={processor}", "-Wall", "-Wextra", "-Werror", "-Wno-psabi")
    subprocess.run(["g++", *flags, str(SOURCE), "-o", str(library)], check=True)
    shorter = CpuMotion(library)
    frames, near = scenes(48, 131, 1.5)
    first, other = moved_by(1.5, -0.75, 48, 131)
    flow = code.optical_flow(first, other)
    torch.testing.assert_close(shorter.optical_flow(first, other), flow, rtol=0, atol=1e-5)
    for found, expected in (
        (shorter.warped(flow, 3 * flow), code.warped(flow, 3 * flow)),
        (observe(frames[2], Primaries.BT709, shorter), observe(frames[2], Primaries.BT709, code)),
        (average(frames[2], near, 2, shorter), average(frames[2], near, 2, code)),
    ):
        torch.testing.assert_close(found, expected, rtol=2e-5, atol=1e-6)


DRIVER = """
#include <utility>
#include <vector>
int main() {
    for (auto [height, width] : {std::pair{1, 1}, {2, 5}, {16, 16}, {24, 32}, {25, 83}, {8, 640}, {80, 400}})
        for (float moving : {0.0f, 0.7f, 5.0f, 1e30f}) {
            const long rows = (height + 1) / 2, columns = (width + 1) / 2;
            std::vector<float> light(3 * height * width, 20.0f), signal(4 * height * width), found(3 * height * width);
            std::vector<float> flow(2 * rows * columns), inverse(3 * rows * columns), other(2 * rows * columns);
            for (size_t i = 0; i < flow.size(); ++i) flow[i] = moving * (i % 3 - 1.0f);
            const std::vector<float> small(rows * columns, 0.5f);
            for (long top = 0; top < rows; top += 7) {
                const long bottom = top + 7 < rows ? top + 7 : rows;
                if (match(small.data(), rows, columns, top, bottom, 3e-5f, inverse.data())) return 3;
                if (step(small.data(), small.data(), inverse.data(), flow.data(), rows, columns, top, bottom, 1.0f,
                         other.data()))
                    return 4;
                warp(flow.data(), flow.data(), 2, rows, columns, top, bottom, other.data());
            }
            observe(light.data(), 0.2f, 0.7f, 0.1f, height, width, 0, height, signal.data());
            const float *pictures[] = {signal.data(), signal.data()}, *flows[] = {flow.data(), flow.data()};
            for (long top = 0; top < height; top += 7)
                if (average(signal.data(), light.data(), pictures, flows, 2, height, width, rows, columns, top,
                            top + 7 < height ? top + 7 : height, 0.005f, 0.1f, found.data()))
                    return 1;
            for (float value : found)
                if (!(value > 19.9f && value < 20.1f)) return 2;
        }
}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None or platform.machine() != "x86_64", reason="needs g++ for x86-64")
@pytest.mark.parametrize("processor", ["native", "haswell", "x86-64"])
def test_nothing_beyond_what_is_given_is_read_or_written(processor: str, tmp_path: Path) -> None:
    """By what GCC's sanitizers find, in memory of exactly as many numbers."""
    (tmp_path / "driver.cpp").write_text(f'#include "{SOURCE}"\n{DRIVER}')
    sanitizers = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    flags = ["-O1", "-g", "-std=c++17", f"-march={processor}", *sanitizers]
    subprocess.run(["g++", *flags, str(tmp_path / "driver.cpp"), "-o", str(tmp_path / "driver")], check=True)
    subprocess.run([str(tmp_path / "driver")], check=True)

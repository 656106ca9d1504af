"""Kernels of motion, as far as a CPU can tell: Triton interprets them, where it is installed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.gpu_kernels import compiled
from tests.temporal.clips import clip, picture
from tests.temporal.test_denoising import denoised, noisy, pan
from tests.temporal.test_optical_flow import moved_by
from tsexpand.colour.transfer import pq_inverse_eotf
from tsexpand.temporal import denoising
from tsexpand.temporal.optical_flow import optical_flow, warped

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before it is imported
pytest.importorskip("triton", reason="needs triton")
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="they run on the GPU here, see test_cuda")

COMPILES = """
from tsexpand.temporal import gpu_motion, motion_kernels

compile_only(motion_kernels, "products", "inverses", "errors", "averaged_down", "steps", "smoothed", "warped")
compile_only(motion_kernels, "differences", "shown")
picture, signal, flow = torch.zeros(1, 1, 48, 64), torch.zeros(1, 4, 48, 64), torch.zeros(1, 2, 24, 32)
gpu_motion.optical_flow(picture, picture)
gpu_motion.shown(signal, [(signal, gpu_motion.warped(flow, flow))], 0.005, 0.1)
"""


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile(tmp_path: Path, capability: int) -> None:
    """For earlier GPUs too; what programs share fits the memory of any."""
    found = compiled(tmp_path, capability, COMPILES)
    assert len(found) == 9 and max(shared for shared, *_ in found.values()) <= 16 << 10


@contextmanager
def no_device(tensor: Tensor) -> Iterator[None]:
    yield


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Denoising runs on them here."""
    from tsexpand.temporal import gpu_motion

    monkeypatch.setattr(torch.cuda, "device_of", no_device)
    monkeypatch.setattr(gpu_motion, "_PIXELS", 1024)  # of programs, which are interpreted one by one
    monkeypatch.setattr(denoising, "_on_gpu", lambda device: (gpu_motion, ()))


@pytest.mark.usefixtures("kernels")
def test_flow_is_that_of_the_operations() -> None:
    from tsexpand.temporal import gpu_motion

    pairs = [moved_by(1.5, -0.75, 53, 66), moved_by(-2.0, 1.0, 53, 66)]
    first, other = (torch.cat(pictures) for pictures in zip(*pairs, strict=True))
    flow = gpu_motion.optical_flow(first, other)
    assert flow.abs().max() > 0.5
    torch.testing.assert_close(flow, optical_flow(first, other), rtol=0, atol=1e-4)
    assert torch.equal(flow[1:], gpu_motion.optical_flow(first[1:], other[1:]))
    torch.testing.assert_close(gpu_motion.warped(flow, 3 * flow), warped(flow, 3 * flow), rtol=0, atol=1e-5)


@pytest.mark.usefixtures("kernels")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_places_far_beyond_a_picture_are_its_edge() -> None:
    from tsexpand.temporal import gpu_motion

    values = torch.rand(1, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    flow = torch.full((1, 2, 5, 7), 1e9)
    assert torch.equal(gpu_motion.warped(values, flow), values[..., -1:, -1:].expand_as(values))
    assert torch.equal(gpu_motion.warped(values, -flow), values[..., :1, :1].expand_as(values))
    signal = torch.cat((values, values), 1)
    assert gpu_motion.shown(signal, [(signal, flow), (signal, -flow)], 0.005, 0.1).isfinite().all()
    assert gpu_motion.warped(values, torch.full_like(flow, torch.nan)).shape == values.shape


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1)])
def test_the_smallest_pictures(size: tuple[int, int]) -> None:
    from tsexpand.temporal import gpu_motion

    signal = torch.rand(3, 4, *size, generator=torch.Generator().manual_seed(1))
    pictures = signal[:2, 3:], signal[1:, 3:]
    torch.testing.assert_close(gpu_motion.optical_flow(*pictures), optical_flow(*pictures), rtol=0, atol=1e-4)
    whole = clip(signal[:, :3])
    found = denoised(whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(denoising, "_on_gpu", lambda device: (None, ()))
        torch.testing.assert_close(found, denoised(whole), rtol=1e-3, atol=1e-3)


def test_noise_is_averaged_as_by_the_operations(request: pytest.FixtureRequest) -> None:
    whole = noisy(pan(5, 3)[:, :, :29, :38], 0.7)
    expected = pq_inverse_eotf(denoised(whole))
    request.getfixturevalue("kernels")
    found = pq_inverse_eotf(denoised(whole))
    assert (expected - pq_inverse_eotf(whole.light)).abs().max() > 2e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=5e-5)


@pytest.mark.usefixtures("kernels")
def test_a_static_clip_is_unchanged_to_the_last_bit() -> None:
    still = picture(1, (25, 31)).clone()
    still[:, 7:19, 5:20] = 0.9  # hard edges
    whole = clip(still.expand(2, -1, -1, -1), light=(203 * still**2.4).expand(2, -1, -1, -1))
    assert torch.equal(denoised(whole), whole.light)
    assert torch.equal(denoised(clip(still[None])), clip(still[None]).light)  # a shot of one frame


def test_kernels_are_launched_where_the_tensors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton would launch them on the current device."""
    from tsexpand.temporal import gpu_motion

    within = list[Tensor]()

    @contextmanager
    def device_of(tensor: Tensor) -> Iterator[None]:
        within.append(tensor)
        yield
        within.pop()

    class Kernel:
        def __getitem__(self, grid: tuple[int, int]) -> "Kernel":
            return self

        def __call__(self, picture: Tensor, flow: Tensor, out: Tensor, *numbers: int, PIXELS: int) -> None:  # noqa: N803
            assert within == [out]

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(gpu_motion.motion_kernels, "warped", Kernel())
    gpu_motion.warped(torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4))
    assert not within


def on_a_gpu() -> tuple[object, tuple[str, ...]]:
    found: tuple[object, tuple[str, ...]] = denoising._on_gpu.__wrapped__(torch.device("cuda:0"))
    return found


def test_without_triton_operations_do_it_which_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "tsexpand.temporal.gpu_motion", raising=False)
    monkeypatch.delattr("tsexpand.temporal.gpu_motion", raising=False)
    module, (notice,) = on_a_gpu()
    assert module is None
    assert notice.startswith("cuda:0: denoising takes about three times as long, as Triton does not work there: ")
    assert denoising.denoising_notices(torch.device("cpu")) == () and denoising._kernels(torch.device("cpu")) is None


def test_no_memory_is_no_reason_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def zeros(*size: int, device: torch.device) -> Tensor:
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(torch, "zeros", zeros)
    with pytest.raises(torch.OutOfMemoryError):
        on_a_gpu()

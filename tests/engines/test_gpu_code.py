"""The network as kernels for GPUs, as far as a CPU can tell: Triton interprets them, where it is installed."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.gpu_kernels import compiled
from tests.network.models import random_network, random_signal
from tsexpand.compiled import Compilation
from tsexpand.compiled.compiler import CompilationError
from tsexpand.engines import forms as forms_module
from tsexpand.engines.devices import Precision
from tsexpand.engines.forms import Forms
from tsexpand.engines.gpu_code import gpu_network
from tsexpand.errors import DeviceError
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.output import Parametrisation
from tsexpand.network.tiling import Edges, TakeTile, expand_tiled, put
from tsexpand.network.weights import Weights

CPU = torch.device("cpu")
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # before it is imported


def weights() -> Weights:
    return Weights(random_network(), Parametrisation.ABSOLUTE, "test", "", {})


def forms(**changes: object) -> Forms:
    settings = {
        "device": CPU, "precision": Precision.FLOAT32, "tile": None, "compilation": Compilation.NEVER,
        "on_compile": lambda: None, **changes,
    }  # fmt: skip
    return Forms(weights(), **settings)  # type: ignore[arg-type]


COMPILES = """
from tsexpand.network import gpu_layers, triton_kernels
from tsexpand.network.expandnet import ExpandNet

compile_only(triton_kernels, "first", "convolved", "local", "logits")
gpu_layers.GpuLayers(ExpandNet().requires_grad_(False), torch.float16)(torch.zeros(1, 3, 48, 48), torch.zeros(1, 64))
"""


def test_kernels_compile_for_hopper(tmp_path: Path) -> None:
    """On its tensor cores, from its tile loader, in the memory that earlier GPUs' multiprocessors have too."""
    pytest.importorskip("triton", reason="needs triton")
    found = compiled(tmp_path, 90, COMPILES)
    assert set(found) == {"first", "convolved", "local", "logits"}
    for name, (shared, multiplies, stores_tiles) in found.items():
        assert multiplies and stores_tiles, name
        assert shared <= 99 << 10


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float16, 2e-2)])
@pytest.mark.parametrize(("count", "height", "width"), [(1, 30, 41), (2, 17, 24)])
def test_kernels_compute_the_network(dtype: torch.dtype, tolerance: float, count: int, height: int, width: int) -> None:
    pytest.importorskip("triton", reason="needs triton")
    if torch.cuda.is_available():
        pytest.skip("they run on the GPU here, see test_cuda")
    from tsexpand.network.gpu_layers import GpuLayers

    network, signal = random_network(), random_signal(count, 3, height + 2 * HALO, width + 2 * HALO)
    code = network.global_features(signal)
    logits = GpuLayers(network, dtype)(signal, code)
    torch.testing.assert_close(logits, network.expand(signal, code, padded=False), atol=tolerance, rtol=tolerance)


def test_tiles_make_up_whole_frames() -> None:
    pytest.importorskip("triton", reason="needs triton")
    network, signal = random_network(), random_signal(1, 3, 20, 70)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    found = torch.empty_like(signal)
    quick = gpu_network(network.to(device), torch.float16, lambda: 64)
    with torch.inference_mode():
        quick(signal.to(device), lambda place, logits, shown: put(place, logits.cpu(), found))
        expected = expand_tiled(network.to("cpu"), signal, 64, Edges.HELD)
    torch.testing.assert_close(found, expected, atol=2e-2, rtol=2e-2)


def test_kernels_are_launched_where_the_tensors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton would launch them on the current device."""
    pytest.importorskip("triton", reason="needs triton")
    from tsexpand.network.gpu_layers import GpuLayers

    signal, within = torch.zeros(1, 3, 1 + 2 * HALO, 1 + 2 * HALO), list[Tensor]()

    @contextmanager
    def device_of(tensor: Tensor) -> Iterator[None]:
        within.append(tensor)
        yield
        within.pop()

    def launched(ours: GpuLayers, *inputs: Tensor) -> Tensor:
        assert within == [signal]
        return signal

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    monkeypatch.setattr(GpuLayers, "_logits", launched)
    assert GpuLayers(random_network(), torch.float16)(signal, torch.zeros(1, 64)) is signal and not within


def test_without_triton_there_is_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "tsexpand.network.gpu_layers", raising=False)
    with pytest.raises(
        CompilationError, match="Triton, which PyTorch for CUDA brings on Linux, is not installed, or too old"
    ):
        gpu_network(random_network(), torch.float16, lambda: 64)


def test_a_gpu_that_can_not_run_it_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kernels:
        def __init__(self, network: ExpandNet, dtype: torch.dtype) -> None:
            raise RuntimeError("no compiler\nat all")

    module = type(sys)("tsexpand.network.gpu_layers")
    module.GpuLayers = Kernels  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tsexpand.network.gpu_layers", module)
    with pytest.raises(CompilationError, match=r"^no compiler$"):
        gpu_network(random_network(), torch.float16, lambda: 64)


def exact(signal: Tensor, take: TakeTile) -> None:
    raise AssertionError("not to be run here")


def test_code_of_a_gpu_is_made_once_and_takes_frames_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[torch.dtype] = []
    monkeypatch.setattr(forms_module, "gpu_network", lambda network, dtype, tile: made.append(dtype) or exact)
    ours = forms()
    form = ours._code_of_gpu()
    assert form is not None and form.is_compiled and form.one_by_one and ours._code_of_gpu() is form
    assert made == [torch.float32] and ours.described(form) == "compiled, tiles of 2048"


def test_code_of_a_gpu_that_is_not_close_enough_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms_module, "gpu_network", lambda network, dtype, tile: exact)
    ours = forms()
    monkeypatch.setattr(ours, "_keeps_promise", lambda quick: False)
    assert ours._code_of_gpu() is None
    assert not ours.best(640, 360, 1000).is_compiled


def test_what_can_not_be_compiled_is_an_error_where_it_is_asked_for() -> None:
    with pytest.raises(DeviceError, match="--compile always: only weights of ExpandNet for absolute light"):
        forms(precision=Precision.FLOAT16, compilation=Compilation.ALWAYS)

"""What compiled code computes, whichever way; plain loops take the place of registers that the CPU does not have."""

import math
import platform
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.compiled_code import code_of, needs_compiler
from tests.machines import of_cores
from tests.network.models import random_network, random_part
from tsexpand.compiled import Compilation, compiler
from tsexpand.engines import compiler as engine_compiler
from tsexpand.engines.artefacts import NetworkArtefact
from tsexpand.engines.compiled import CompiledCode
from tsexpand.engines.devices import Precision
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import DeviceError
from tsexpand.network import direct, methods, winograd
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.methods import DIRECT, WINOGRAD, Method
from tsexpand.network.output import Parametrisation
from tsexpand.network.tiling import tile_size, tiles
from tsexpand.network.weights import Weights

from .pictures import noise

CPU = torch.device("cpu")
WAYS = {
    "winograd float32": (WINOGRAD, torch.float32),
    "winograd bfloat16": (WINOGRAD, torch.bfloat16),
    "direct bfloat16": (DIRECT, torch.bfloat16),
}
Expand = Callable[[Tensor, Tensor], Tensor]

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def method(way: str) -> Method:
    return WAYS[way][0]


@pytest.fixture
def code(way: str, monkeypatch: pytest.MonkeyPatch) -> CompiledCode:
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: WAYS[way][0] is DIRECT)
    return code_of(NetworkArtefact(WAYS[way][1]))


@pytest.fixture
def expand(way: str, code: CompiledCode, network: ExpandNet) -> Expand:
    method, dtype = WAYS[way]
    return partial(code, kernels=method.kernels(network, dtype))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (24, 8), (8, 16), (16, 24), (8, 48), (16, 184)])
def test_it_gives_what_the_layers_give(
    way: str, method: Method, expand: Expand, network: ExpandNet, height: int, width: int
) -> None:
    signal = random_part(method, height, width)
    code = network.global_features(signal)
    expected = network.expand(signal, code, padded=False)[..., :height, :width]
    result = expand(signal, code)
    assert result.shape == expected.shape and result.dtype == torch.float32
    error = 5e-6 if "float32" in way else 0.05
    assert 0 < (result - expected).abs().max() < error * expected.abs().max()
    assert (result - expected).square().mean() < (error / 3) ** 2 * expected.square().mean()


def test_a_pixel_is_the_same_in_any_part_and_thread(method: Method, expand: Expand, network: ExpandNet) -> None:
    """Whose place and size are multiples of the method's: of 2, 3, 7 and 46 blocks and more."""
    signal = random_part(method, 40, 376)
    code = network.global_features(signal)
    whole = expand(signal, code)
    places = [(8, 8, 8, 16), (0, 0, 16, 24), (16, 328, 24, 48), (0, 8, 8, 368), (24, 16, 16, 56)]
    if method.block == 1:
        places += [(3, 5, 8, 16), (10, 1, 14, 55), (1, 23, 5, 33), (7, 19, 1, 1), (2, 2, 3, 17)]

    def same(place: tuple[int, int, int, int]) -> bool:
        top, left, height, width = place
        more = 2 * HALO + method.beyond
        part = signal[..., top : top + height + more, left : left + width + more]
        found = expand(part.contiguous(memory_format=torch.channels_last), code)
        return torch.equal(found, whole[..., top : top + height, left : left + width])

    assert all(map(same, places))
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(same, places * 2))


def test_what_is_no_part_of_a_frame_is_refused(method: Method, expand: Expand, network: ExpandNet) -> None:
    signal = random_part(method, 8, 8)
    code = network.global_features(signal)
    with pytest.raises(ValueError, match="lies in memory"):
        expand(signal.contiguous(), code)
    with pytest.raises(ValueError, match="not a part of a frame"):
        expand(signal.expand(2, -1, -1, -1), code)
    with pytest.raises(ValueError, match="not a part of a frame"):
        expand(signal.double(), code)
    if method.block > 1:
        with pytest.raises(ValueError, match="not a part of a frame"):
            expand(random_part(method, 12, 8), code)


def test_no_memory_is_an_error(
    code: CompiledCode, method: Method, expand: Expand, network: ExpandNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = random_part(method, 8, 8)
    monkeypatch.setattr(code, "_expand", lambda *given: 1)
    with pytest.raises(DeviceError, match=r"out of memory for a tile of 8×8 pixels; try a smaller --tile"):
        expand(signal, network.global_features(signal))


def test_weights_of_products_are_arranged_as_they_are_used() -> None:
    weight = torch.arange(64 * 128 * 9.0).reshape(64, 128, 3, 3)
    registers = direct.arranged(weight)
    for output, channel, tap in ((0, 0, 0), (33, 70, 4), (63, 127, 8), (17, 1, 2)):
        place = (output // 32, tap, channel // 32, output % 32 // 16, channel % 32 // 2, output % 16, channel % 2)
        assert registers[place] == weight[output, channel, tap // 3, tap % 3]
    matrices = torch.arange(36 * 128 * 64.0).reshape(36, 128, 64)
    for woven in (1, 2):
        panels = winograd.arranged(matrices, woven)
        for number, channel, output in ((0, 0, 0), (35, 127, 63), (7, 70, 33)):
            place = (number, output // 16, channel // woven, output % 16, channel % woven)
            assert panels[place] == matrices[number, channel, output]


def test_frames_run_in_tiles_of_any_size(
    way: str, code: CompiledCode, network: ExpandNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the engine, on any number of cores; it is made once for all sizes."""
    batch = noise(1, 41, 70)
    monkeypatch.setattr(NetworkArtefact, "loaded", lambda artefact, on_make: code)

    def light(tile: int | None, cores: int) -> Tensor:
        weights = Weights(network, Parametrisation.ABSOLUTE, "test", "", {})
        precision = Precision.FLOAT32 if "float32" in way else Precision.BFLOAT16
        with of_cores(cores):
            engine = NetworkEngine(weights, CPU, precision, tile, 203.0, Compilation.ALWAYS)
            engine.expect(70, 41, math.inf)
            assert f"{precision.value}, compiled" in engine.description
            return engine.expand(batch).light

    whole = light(None, 1)
    assert torch.equal(light(16, 1), whole) and torch.equal(light(None, 3), whole)


def test_frames_are_divided_evenly() -> None:
    for cores in (1, 2, 16):
        for width, height in ((1920, 1080), (960, 540), (854, 480), (3840, 2160)):
            size = tile_size(height, width, 320, cores)
            assert max(size) <= 320
            assert sum(tile.height * tile.width for tile in tiles(height, width, *size)) < 1.13 * width * height


def test_a_cpu_that_multiplies_matrices_gets_the_convolutions_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: True)
    assert methods.method_for(torch.bfloat16) is DIRECT and methods.method_for(torch.float32) is WINOGRAD
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: False)
    assert methods.method_for(torch.bfloat16) is WINOGRAD


@pytest.mark.parametrize(("capable", "allowed"), [(True, False), (False, True), (True, True)])
def test_a_cpu_multiplies_matrices_where_the_system_lets_it(
    capable: bool, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": capable})
    monkeypatch.setattr(torch.cpu, "_init_amx", lambda: allowed)
    assert methods.multiplies_matrices() is (capable and allowed)
    monkeypatch.delattr(torch.cpu, "_init_amx")  # a PyTorch that can't be asked
    assert methods.multiplies_matrices() is capable


def of_machine(folder: Path, source: Path, processor: str, *flags: str) -> bytes:
    """Machine code for a processor that need not be there; warnings are errors."""
    code, warnings = folder / "code.o", ("-Wall", "-Wextra", "-Werror")
    command = ["g++", *compiler._FLAGS, f"-march={processor}", *flags, *warnings, "-c", str(source), "-o", str(code)]
    subprocess.run(command, check=True)
    return code.read_bytes()


@pytest.mark.skipif(shutil.which("g++") is None or platform.machine() != "x86_64", reason="needs g++ for x86-64")
def test_a_cpu_s_own_products_are_used(tmp_path: Path) -> None:
    """As machine code: TDPBF16PS of AMX, VDPBF16PS of AVX512-BF16; and it is compiled for AVX2 without a warning."""
    registers = of_machine(tmp_path, direct.SOURCE, "sapphirerapids", *engine_compiler._OF_MATRICES)
    assert len(re.findall(rb"\xc4\xe2.\x5c", registers, re.DOTALL)) >= 12
    pairs = of_machine(tmp_path, winograd.SOURCE, "cooperlake", "-DNUMBER=Bfloat16")
    assert len(re.findall(rb"\x62.[\x06\x0e\x16\x1e\x26\x2e\x36\x3e\x46\x4e\x56\x5e].\x52", pairs, re.DOTALL)) >= 12
    for source in (direct.SOURCE, winograd.SOURCE):
        for number in ("float", "Bfloat16"):
            of_machine(tmp_path, source, "haswell", f"-DNUMBER={number}")


@pytest.mark.skipif(not torch.backends.cpu.get_cpu_capability().startswith("AVX512"), reason="needs AVX512")
@pytest.mark.parametrize("number", ["float", "Bfloat16"])
def test_vectors_of_eight_give_what_those_of_sixteen_give(
    number: str, network: ExpandNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on CPUs without AVX512, to roundings."""
    library = tmp_path / "expand.so"
    flags = (*compiler._FLAGS, "-march=haswell", f"-DNUMBER={number}")
    command = ["g++", *flags, str(winograd.SOURCE), "-o", str(library)]
    subprocess.run(command, check=True)
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: False)
    artefact = NetworkArtefact(torch.float32 if number == "float" else torch.bfloat16)
    kernels = WINOGRAD.kernels(network, artefact.dtype)
    signal = random_part(WINOGRAD, 16, 208)
    code = network.global_features(signal)
    eight = CompiledCode(library, WINOGRAD)
    found, expected = (one(signal, code, kernels) for one in (eight, code_of(artefact)))
    error = 2e-6 if number == "float" else 0.02
    assert (found - expected).abs().max() < error * expected.abs().max()
    part = signal[..., 8:, 16:].contiguous(memory_format=torch.channels_last)
    assert torch.equal(eight(part, code, kernels), found[..., 8:, 16:])


DRIVER = """
#include <utility>
#include <vector>
int main() {
    for (auto [height, width] : {std::pair{8, 8}, {8, 16}, {16, 184}, {24, 200}, {320, 320}, {8, 640}}) {
        std::vector<float> signal((height + MORE) * (width + MORE) * 3, 0.5f), code(64, 0.1f), exact(EXACT, 0.01f);
        std::vector<float> logits(3 * height * width);
        std::vector<NUMBER> products(PRODUCTS);
        if (expand(signal.data(), height, width, code.data(), products.data(), exact.data(), logits.data())) return 1;
        for (float logit : logits)
            if (!(logit > -1e9f && logit < 1e9f)) return 2;
    }
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["native", "haswell"])
def test_nothing_beyond_what_is_given_is_read_or_written(way: str, processor: str, tmp_path: Path) -> None:
    """By what GCC's sanitizers find, in memory of exactly as many numbers."""
    method, dtype = WAYS[way]
    kernels = method.kernels(random_network(), dtype)
    (tmp_path / "driver.cpp").write_text(f'#include "{method.source}"\n{DRIVER}')
    sizes = {"MORE": 2 * HALO + method.beyond, "PRODUCTS": len(kernels.products), "EXACT": len(kernels.exact)}
    definitions = [f"-D{name}={value}" for name, value in (sizes | {"NUMBER": engine_compiler._NUMBERS[dtype]}).items()]
    sanitizers = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    flags = ["-O1", "-g", "-std=c++17", f"-march={processor}", *sanitizers]
    command = ["g++", *flags, *definitions, str(tmp_path / "driver.cpp"), "-o", str(tmp_path / "driver")]
    subprocess.run(command, check=True)
    subprocess.run([str(tmp_path / "driver")], check=True)

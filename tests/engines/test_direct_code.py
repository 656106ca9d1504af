"""The convolutions as they are, in C++; without registers for matrices by plain loops, which give the same sums."""

import math
import platform
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.machines import of_cores
from tests.network.models import random_network, random_part
from tsexpand.engines import compiler
from tsexpand.engines.artefacts import Artefact
from tsexpand.engines.compiled import Code
from tsexpand.engines.compiler import CompilationError
from tsexpand.engines.devices import Compilation, Precision
from tsexpand.engines.network import NetworkEngine
from tsexpand.network import direct, methods
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.methods import DIRECT
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights

from .pictures import noise

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the code in it."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("needs a C++ compiler")
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("TSEXPAND_CACHE", str(cache))
        patch.setattr(methods, "multiplies_matrices", lambda: True)
        Artefact(torch.bfloat16, 8, 8).make()
        return cache


@pytest.fixture
def code(made: Path, monkeypatch: pytest.MonkeyPatch) -> Code:
    monkeypatch.setenv("TSEXPAND_CACHE", str(made))
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: True)
    expand = Artefact(torch.bfloat16, 8, 8).load(1)
    return lambda signal, features, network: expand(signal, features, DIRECT.kernels(network, torch.bfloat16))


@pytest.fixture(scope="module")
def network() -> ExpandNet:
    return random_network()


def part_of(signal: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    part = signal[..., top : top + height + 2 * HALO, left : left + width + 2 * HALO]
    return part.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (8, 8), (3, 16), (5, 17), (4, 32), (2, 33), (9, 50)])
def test_it_gives_what_the_layers_give(code: Code, network: ExpandNet, height: int, width: int) -> None:
    signal = random_part(DIRECT, height, width)
    features = network.global_features(signal)
    expected = network.expand(signal, features, padded=False)
    result = code(signal, features, network)
    assert result.shape == expected.shape and result.dtype == torch.float32
    assert 0 < (result - expected).abs().max() < 0.05 * expected.abs().max()
    assert (result - expected).square().mean() < 1e-4 * expected.square().mean()


def test_a_pixel_is_the_same_in_any_part_and_thread(code: Code, network: ExpandNet) -> None:
    signal = random_part(DIRECT, 24, 56)
    features = network.global_features(signal)
    whole = code(signal, features, network)
    places = [(0, 0, 24, 56), (3, 5, 8, 16), (10, 1, 14, 55), (1, 23, 5, 33), (7, 19, 1, 1)]

    def same(place: tuple[int, int, int, int]) -> bool:
        top, left, height, width = place
        found = code(part_of(signal, *place), features, network)
        return torch.equal(found, whole[..., top : top + height, left : left + width])

    assert all(map(same, places))
    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(same, places * 2))


def test_what_lies_otherwise_in_memory_is_refused(code: Code, network: ExpandNet) -> None:
    signal = random_part(DIRECT, 8, 8)
    with pytest.raises(ValueError, match="lies in memory"):
        code(signal.contiguous(), network.global_features(signal), network)


def test_weights_are_arranged_as_they_are_used() -> None:
    weight = torch.arange(64 * 128 * 9.0).reshape(64, 128, 3, 3)
    arranged = direct.arranged(weight).reshape(2, 9, 4, 2, 16, 16, 2)
    for output, channel, tap in ((0, 0, 0), (33, 70, 4), (63, 127, 8), (17, 1, 2)):
        place = (output // 32, tap, channel // 32, output % 32 // 16, channel % 32 // 2, output % 16, channel % 2)
        assert arranged[place] == weight[output, channel, tap // 3, tap % 3]


def test_frames_run_in_tiles_that_fit_them(code: Code, network: ExpandNet) -> None:
    """By the engine, in any tile and on any number of cores; it is made once for all sizes."""
    batch = noise(1, 41, 70)

    def light(tile: int | None, cores: int) -> Tensor:
        weights = Weights(network, Parametrisation.ABSOLUTE, "test", "", {})
        with of_cores(cores):
            engine = NetworkEngine(weights, CPU, Precision.BFLOAT16, tile, 203.0, Compilation.ALWAYS, pytest.fail)
            engine.expect(70, 41, math.inf)
            assert "bfloat16, compiled" in engine.description
            return engine.expand(batch).light

    whole = light(None, 1)
    assert torch.equal(light(16, 1), whole) and torch.equal(light(None, 3), whole)


def test_frames_are_divided_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: True)
    with of_cores(2):
        for width, height in ((1920, 1080), (960, 540), (854, 480), (64, 48)):
            (artefact,) = Artefact.for_frames(torch.bfloat16, width, height)
            assert artefact.width <= 320 and artefact.height <= 320
            assert artefact.computed(width, height) < 1.06 * width * height


@pytest.mark.usefixtures("code")
def test_what_the_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "g++"
    broken.write_text(
        "#!/bin/sh\necho 'g++ (Debian) 12'\n"
        "case \"$*\" in *direct.cpp*) echo 'direct.cpp:1:1: error: no such thing' >&2; exit 1;; esac\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CompilationError, match=r"direct\.cpp:1:1: error: no such thing"):
        Artefact(torch.bfloat16, 8, 8).make()


@pytest.mark.skipif(shutil.which("g++") is None or platform.machine() != "x86_64", reason="needs g++ for x86-64")
def test_the_registers_are_used_where_the_cpu_has_them(tmp_path: Path) -> None:
    """As machine code: TDPBF16PS, each with either number of blocks, of either number of channels."""
    path = tmp_path / "direct.o"
    flags = ["-march=sapphirerapids" if flag == "-march=native" else flag for flag in compiler._FLAGS]
    warnings = ["-Wall", "-Wextra", "-Werror"]
    command = ["g++", *flags, *compiler._OF_MATRICES, *warnings, "-c", str(direct.SOURCE), "-o", str(path)]
    assert subprocess.run(command, check=False).returncode == 0
    assert len(re.findall(rb"\xc4\xe2.\x5c", path.read_bytes(), re.DOTALL)) >= 12

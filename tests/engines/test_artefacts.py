"""Compiled code: what it gives, how it is kept, and what happens where it can't be had."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.compiled_code import mistaken_compiler
from tests.machines import of_cores
from tests.network.models import random_network
from tsexpand.compiled import Compilation, artefact
from tsexpand.compiled.compiler import CompilationError
from tsexpand.cores import workers
from tsexpand.engines.artefacts import NetworkArtefact
from tsexpand.engines.devices import Precision
from tsexpand.engines.forms import COMPILING, LOADING, PACE
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import DeviceError
from tsexpand.network import methods
from tsexpand.network.kernels import Kernels
from tsexpand.network.methods import WINOGRAD
from tsexpand.network.output import Parametrisation
from tsexpand.network.tiling import within_halo
from tsexpand.network.weights import Weights
from tsexpand.network.winograd import BEYOND

from .pictures import frame_of, noise

CPU = torch.device("cpu")
TILE = 24


def engine_of(
    compilation: Compilation = Compilation.ALWAYS,
    parametrisation: Parametrisation = Parametrisation.ABSOLUTE,
    told: list[str] | None = None,
) -> NetworkEngine:
    weights = Weights(random_network(), parametrisation, "test", "", {})
    tell = (lambda: None) if told is None else (lambda: told.append("compiling"))
    return NetworkEngine(weights, CPU, Precision.FLOAT32, TILE, 203.0, compilation, tell)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with compiled code in it, for the tests of this module."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("needs a C++ compiler")
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("cache")
        patch.setenv("TSEXPAND_CACHE", str(cache))
        NetworkArtefact(torch.float32).make()
        return cache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "/nowhere/g++")


def test_compiled_code_gives_the_same_light(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEXPAND_CACHE", str(made))
    told: list[str] = []
    engine = engine_of(told=told)
    engine.expect(50, 41, 1)
    assert not told  # it was made before
    assert engine.description == "test on cpu, float32, compiled, tiles of 24×24"
    assert engine.setup.compiled
    batch = noise(2, 41, 50)
    light = engine.expand(batch).light
    expected = engine_of(Compilation.NEVER).expand(batch).light
    torch.testing.assert_close(light, expected, rtol=2e-4, atol=1e-5)
    assert torch.equal(engine.expand(frame_of(batch, 1)).light, light[1:])
    for count in (1, 3, 7):
        with of_cores(count):
            other = engine_of()
            other.expect(50, 41, 1)
            assert torch.equal(other.expand(batch).light, light)
    assert [path.name for path in made.iterdir()] == [NetworkArtefact(torch.float32).path.name]


def test_a_damaged_artefact_is_removed_and_the_network_runs_uncompiled(cache: Path) -> None:
    path = NetworkArtefact(torch.float32).path
    cache.mkdir()
    path.write_bytes(b"nothing")
    engine = engine_of(Compilation.AUTO)
    engine.expect(48, 48, math.inf)
    assert not path.exists()
    assert "uncompiled" in engine.notices[0] and str(path) in engine.notices[0]
    assert "compiled" not in engine.description
    assert not engine.setup.compiled
    assert engine.expand(noise(1, 8, 8)).light.isfinite().all()
    engine.expect(48, 48, math.inf)
    assert len(engine.notices) == 1  # it is not tried again


@pytest.mark.usefixtures("cache", "no_compiler")
def test_without_a_compiler_the_network_runs_uncompiled_and_says_so() -> None:
    told: list[str] = []
    engine = engine_of(Compilation.AUTO, told=told)
    engine.expect(48, 48, math.inf)
    assert told == ["compiling"]
    assert "C++ compiler" in engine.notices[0]
    assert engine.compilation is Compilation.NEVER  # nor of denoising
    with pytest.raises(DeviceError, match=r"can't be compiled here: .*C\+\+ compiler.*; try --compile never"):
        engine_of(Compilation.ALWAYS).expect(48, 48, 1)


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TSEXPAND_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    engine = engine_of(Compilation.AUTO)
    engine.expect(48, 48, math.inf)
    assert "set TSEXPAND_CACHE" in engine.notices[0]


@pytest.mark.parametrize(("made", "cost"), [(False, COMPILING), (True, LOADING)])
def test_code_is_compiled_once_the_clips_repay_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, made: bool, cost: float
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(NetworkArtefact, "make", lambda artefact: calls.append("made"))
    monkeypatch.setattr(NetworkArtefact, "load", lambda artefact: calls.append("loaded"))
    if made:
        cache.mkdir()
        NetworkArtefact(torch.float32).path.touch()
    engine = engine_of(Compilation.AUTO)
    third = cost / WINOGRAD.saved / (PACE / workers().count) / (48 * 48) / 3 * 1.1
    for _ in range(2):
        engine.expect(48, 48, third)
        assert not calls
    engine.expect(48, 48, third)  # short ones add up
    assert calls == (["loaded"] if made else ["made", "loaded"])
    engine.expect(48, 48, 1)
    assert calls.count("loaded") == 1
    assert "compiled" in engine.description
    assert engine.setup.compiled
    engine.expect(5, 5, math.inf)  # a tile of 8² would take more than twice the work
    assert "compiled" not in engine.description
    assert not engine.setup.compiled


def test_compiled_code_that_breaks_the_promise_is_made_in_float32(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEXPAND_CACHE", str(made))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    exact = NetworkArtefact(torch.float32).load()

    def load(artefact: NetworkArtefact) -> Callable[[Tensor, Tensor, Kernels], Tensor]:
        if artefact.dtype is torch.float32:
            return exact
        return lambda signal, code, kernels: 0.5 * within_halo(signal, BEYOND)

    monkeypatch.setattr(NetworkArtefact, "make", lambda artefact: None)
    monkeypatch.setattr(NetworkArtefact, "load", load)
    network = random_network()
    network.end_net[1].weight.mul_(0.1)
    weights = Weights(network, Parametrisation.ABSOLUTE, "test", "", {})
    engine = NetworkEngine(weights, CPU, Precision.AUTO, 96, 203.0, Compilation.ALWAYS)
    assert "bfloat16" in engine.description and not engine.notices
    engine.expect(96, 96, math.inf)
    assert "float32, compiled" in engine.description
    assert "test runs in float32" in engine.notices[0]


def test_what_can_not_be_compiled_is_left_and_told_where_it_was_asked_for() -> None:
    for compilation, notices in ((Compilation.AUTO, 0), (Compilation.ALWAYS, 1)):
        engine = engine_of(compilation, Parametrisation.RELATIVE)
        engine.expect(48, 48, math.inf)
        assert "compiled" not in engine.description and len(engine.notices) == notices
        assert engine.setup.compiled is None and engine.compilation is compilation
    with pytest.raises(DeviceError, match=r"--compile always: .* on the CPU in float32 or bfloat16"):
        NetworkEngine(
            Weights(random_network(), Parametrisation.ABSOLUTE, "test", "", {}),
            CPU,
            Precision.FLOAT16,
            compilation=Compilation.ALWAYS,
        )


@pytest.mark.usefixtures("cache")
def test_the_name_of_an_artefact_holds_what_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    path = NetworkArtefact(torch.float32).path
    assert path.name.startswith("expand_winograd_float32_") and path.suffix == ".zip"
    assert NetworkArtefact(torch.float32).path == path
    monkeypatch.setattr(artefact, "_processor", lambda: "another")
    assert NetworkArtefact(torch.float32).path != path
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: True)
    assert NetworkArtefact(torch.bfloat16).path.name.startswith("expand_direct_bfloat16_")


@pytest.mark.usefixtures("cache")
def test_wrong_code_is_not_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a compiler that makes a mistake in the activations, say."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    header = WINOGRAD.source.with_name("full_resolution.h")
    monkeypatch.setenv("CXX", str(mistaken_compiler(tmp_path, header, "positive * 1.05", "positive * 1.5")))
    with pytest.raises(CompilationError, match="is wrong by"):
        NetworkArtefact(torch.float32).make()
    assert not list(cache.iterdir())

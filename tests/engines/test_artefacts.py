"""Compiled code: what it gives, how it is kept, and what happens where it can't be had."""

import math
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.machines import of_cores
from tests.network.models import random_network
from tsexpand.engines import artefacts, compiler
from tsexpand.engines.artefacts import Artefact
from tsexpand.engines.compiler import CompilationError
from tsexpand.engines.devices import Compilation, Precision
from tsexpand.engines.forms import COMPILING, LOADING, Forms
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
        Artefact(torch.float32).make()
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
    assert [path.name for path in made.iterdir()] == [Artefact(torch.float32).path.name]


def test_a_cache_that_may_only_be_read_serves(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSEXPAND_CACHE", str(made))

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    folders = tempfile.TemporaryDirectory
    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(
        tempfile, "TemporaryDirectory", lambda dir=None, **given: refuse(dir) if dir else folders(**given)
    )
    assert callable(Artefact(torch.float32).load())


def test_a_damaged_artefact_is_removed_and_the_network_runs_uncompiled(cache: Path) -> None:
    path = Artefact(torch.float32).path
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


def test_the_last_used_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(0o700)
    old = [cache / f"expand_winograd_float32_{number:016x}.zip" for number in range(artefacts.MOST_KEPT + 1)]
    for age, path in enumerate(reversed(old)):
        path.touch()
        os.utime(path, (0, time.time() - 60 * (age + 1)))
    others = {cache / "expand_0001.exr", cache / "of_others"}
    for path in others:
        path.touch()
    monkeypatch.setattr(artefacts, "compile_code", lambda method, dtype, part: part.touch())
    artefact = Artefact(torch.float32)
    artefact.make()
    assert set(cache.iterdir()) == {artefact.path, *others, *old[2:]}


def test_a_library_that_cannot_be_loaded_is_named(cache: Path) -> None:
    artefact = Artefact(torch.float32)
    cache.mkdir(0o700)
    with zipfile.ZipFile(artefact.path, "w") as package:
        package.writestr("expand.so", b"no library")
    artefact.path.chmod(0o600)
    with pytest.raises(CompilationError, match="could not be loaded"):
        artefact.load()
    assert [path.name for path in cache.iterdir()] == [artefact.path.name]


@pytest.mark.usefixtures("cache", "no_compiler")
def test_without_a_compiler_the_network_runs_uncompiled_and_says_so() -> None:
    told: list[str] = []
    engine = engine_of(Compilation.AUTO, told=told)
    engine.expect(48, 48, math.inf)
    assert told == ["compiling"]
    assert "C++ compiler" in engine.notices[0]
    with pytest.raises(DeviceError, match=r"can't be compiled here: .*C\+\+ compiler.*; try --compile never"):
        engine_of(Compilation.ALWAYS).expect(48, 48, 1)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path / "file"))
    with pytest.raises(CompilationError, match="file: "):
        Artefact(torch.float32).make()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TSEXPAND_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    engine = engine_of(Compilation.AUTO)
    engine.expect(48, 48, math.inf)
    assert "set TSEXPAND_CACHE" in engine.notices[0]


def test_a_compiler_that_hangs_is_stopped(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "TIME_LIMIT", 0.1)
    with pytest.raises(CompilationError, match=r"longer than 0\.1 s"):
        Artefact(torch.float32).make()
    assert not list(cache.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_code_that_crashes_where_it_is_tried_is_not_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a compiler's may that knows the processor badly: the crash is its process's, and told."""
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(compiler.sys, "executable", str(crashing))
    with pytest.raises(CompilationError, match="the compiler, or the code it made, was ended by SIGSEGV"):
        Artefact(torch.float32).make()
    assert not list(cache.iterdir())


@pytest.mark.parametrize(("made", "cost"), [(False, COMPILING), (True, LOADING)])
def test_code_is_compiled_once_the_clips_repay_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, made: bool, cost: float
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(Artefact, "make", lambda artefact: calls.append("made"))
    monkeypatch.setattr(Artefact, "load", lambda artefact: calls.append("loaded"))
    monkeypatch.setattr(Forms, "_seconds_a_pixel", lambda forms: 1e-3)
    if made:
        cache.mkdir()
        Artefact(torch.float32).path.touch()
    engine = engine_of(Compilation.AUTO)
    third = cost / WINOGRAD.saved / 1e-3 / (48 * 48) / 3 * 1.1
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
    exact = Artefact(torch.float32).load()

    def load(artefact: Artefact) -> Callable[[Tensor, Tensor, Kernels], Tensor]:
        if artefact.dtype is torch.float32:
            return exact
        return lambda signal, code, kernels: 0.5 * within_halo(signal, BEYOND)

    monkeypatch.setattr(Artefact, "make", lambda artefact: None)
    monkeypatch.setattr(Artefact, "load", load)
    network = random_network()
    network.end_net[1].weight.mul_(0.1)
    weights = Weights(network, Parametrisation.ABSOLUTE, "test", "", {})
    engine = NetworkEngine(weights, CPU, Precision.AUTO, 96, 203.0, Compilation.ALWAYS)
    assert "bfloat16" in engine.description and not engine.notices
    engine.expect(96, 96, math.inf)
    assert "float32, compiled" in engine.description
    assert "test runs in float32" in engine.notices[0]


@pytest.mark.usefixtures("cache")
def test_what_others_may_write_is_not_run(cache: Path) -> None:
    path = Artefact(torch.float32).path
    cache.mkdir(0o700)
    path.touch(0o600)
    path.chmod(0o622)
    with pytest.raises(CompilationError, match="others may write to it"):
        Artefact(torch.float32).load()
    path.chmod(0o600)
    cache.chmod(0o777)
    with pytest.raises(CompilationError, match="others may write to it"):
        Artefact(torch.float32).load()
    assert path.exists()


@pytest.mark.usefixtures("cache")
def test_what_lies_beside_a_clip_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('a stranger was run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXX", "/nowhere/g++")  # so that it ends soon
    with pytest.raises(CompilationError, match="compiler"):
        Artefact(torch.float32).make()


def test_a_compiler_is_ended_with_the_compilation(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a child of the process that is stopped."""
    slow = tmp_path / "g++"
    slow.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("CXX", str(slow))
    monkeypatch.setattr(compiler, "TIME_LIMIT", 30.0)

    def interrupt(process: object, limit: float) -> None:
        while not (tmp_path / "pids").exists():
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(compiler, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Artefact(torch.float32).make()
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path(f"/proc/{pid}/cmdline").exists() or b"sleep" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert not list(cache.iterdir())


def test_what_can_not_be_compiled_is_refused_or_left() -> None:
    with pytest.raises(DeviceError, match="only weights of ExpandNet for absolute light"):
        engine_of(Compilation.ALWAYS, Parametrisation.RELATIVE)
    engine = engine_of(Compilation.AUTO, Parametrisation.RELATIVE)
    engine.expect(48, 48, math.inf)
    assert "compiled" not in engine.description and not engine.notices


@pytest.mark.usefixtures("cache")
def test_the_name_of_an_artefact_holds_what_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Artefact(torch.float32).path
    assert path.name.startswith("expand_winograd_float32_") and path.suffix == ".zip"
    assert Artefact(torch.float32).path == path
    monkeypatch.setattr(artefacts, "_processor", lambda: "another")
    assert Artefact(torch.float32).path != path
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: True)
    assert Artefact(torch.bfloat16).path.name.startswith("expand_direct_bfloat16_")


@pytest.mark.usefixtures("cache")
def test_what_the_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho 'winograd.cpp:1:1: error: no such thing' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(CompilationError, match=r"^winograd\.cpp:1:1: error: no such thing$"):
        Artefact(torch.float32).make()


@pytest.mark.usefixtures("cache")
def test_the_compiler_s_options_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = tmp_path / "g++"
    echo.write_text('#!/bin/sh\necho "error: $*" >&2\nexit 1\n')
    echo.chmod(0o755)
    monkeypatch.setenv("CXX", f"'{echo}' -fwhatever")
    with pytest.raises(CompilationError, match=r"^error: -fwhatever -O3 "):
        Artefact(torch.float32).make()


@pytest.mark.usefixtures("cache")
def test_wrong_code_is_not_kept(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a compiler that makes a mistake in the activations, say."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    network, sources, wrong = WINOGRAD.source.parent, tmp_path / "sources", tmp_path / "g++"
    shutil.copytree(network, sources)
    header = sources / "full_resolution.h"
    header.write_text(header.read_text().replace("positive * 1.05", "positive * 1.5"))
    wrong.write_text(f"#!/bin/sh\nexec {shutil.which('g++')} $(echo \"$@\" | sed 's#{network}#{sources}#')\n")
    wrong.chmod(0o755)
    monkeypatch.setenv("CXX", str(wrong))
    with pytest.raises(CompilationError, match="is wrong by"):
        Artefact(torch.float32).make()
    assert not list(cache.iterdir())


@pytest.mark.usefixtures("cache")
def test_a_part_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "method_for", lambda dtype: WINOGRAD)

    def missing(path: Path) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", "/nowhere/winograd.cpp")

    monkeypatch.setattr(Path, "read_bytes", missing)
    with pytest.raises(CompilationError, match=r"/nowhere/winograd\.cpp: No such file"):
        Artefact(torch.float32).make()


def test_others_may_not_have_the_folder_that_is_compiled_in(cache: Path) -> None:
    cache.mkdir(0o700)
    cache.chmod(0o777)
    with pytest.raises(CompilationError, match="others may write to it"):
        Artefact(torch.float32).make()
    assert not list(cache.iterdir())


def test_what_is_compiled_is_part_of_the_package() -> None:
    configuration = ConfigParser()
    root = Path(artefacts.__file__).parents[2]
    configuration.read(root / "setup.cfg")
    patterns = configuration["options.package_data"]["tsexpand.network"].split(", ")
    for path in (root / "tsexpand" / "network").iterdir():
        assert path.suffix in (".py", "") or any(map(path.match, patterns)), path

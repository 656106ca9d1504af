"""Compiled code: how it is made and kept, and what happens where it can't be had."""

import os
import tempfile
import time
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.compiled_code import needs_compiler
from tsexpand.compiled import artefact, compiler
from tsexpand.compiled.compiler import CompilationError
from tsexpand.temporal.cpu_motion import CpuMotion, MotionArtefact


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@needs_compiler
@pytest.mark.usefixtures("cache")
def test_a_cache_that_may_only_be_read_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    MotionArtefact().make()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    folders = tempfile.TemporaryDirectory
    monkeypatch.setattr(Path, "touch", refuse)
    monkeypatch.setattr(
        tempfile, "TemporaryDirectory", lambda dir=None, **given: refuse(dir) if dir else folders(**given)
    )
    assert isinstance(MotionArtefact().load(), CpuMotion)


def test_the_last_used_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(0o700)
    names = "motion_{:016x}.zip", "expand_winograd_float32_{:016x}.zip", "expand_bfloat16_320x272_{:016x}.pt2"
    old = [cache / names[number % 3].format(number) for number in range(artefact.MOST_KEPT + 1)]
    for age, path in enumerate(reversed(old)):
        path.touch()
        os.utime(path, (0, time.time() - 60 * (age + 1)))
    others = {cache / "expand_0001.exr", cache / "of_others"}
    for path in others:
        path.touch()
    monkeypatch.setattr(artefact, "compile_apart", lambda maker, arguments, part: part.touch())
    motion = MotionArtefact()
    motion.make()
    assert set(cache.iterdir()) == {motion.path, *others, *old[2:]}


def test_a_library_that_cannot_be_loaded_is_named(cache: Path) -> None:
    motion = MotionArtefact()
    cache.mkdir(0o700)
    with zipfile.ZipFile(motion.path, "w") as package:
        package.writestr("code.so", b"no library")
    motion.path.chmod(0o600)
    with pytest.raises(CompilationError, match="could not be loaded"):
        motion.load()
    assert [path.name for path in cache.iterdir()] == [motion.path.name]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TSEXPAND_CACHE", str(tmp_path / "file"))
    with pytest.raises(CompilationError, match="file: "):
        MotionArtefact().make()


def test_a_compiler_that_hangs_is_stopped(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "TIME_LIMIT", 0.1)
    with pytest.raises(CompilationError, match=r"longer than 0\.1 s"):
        MotionArtefact().make()
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
        MotionArtefact().make()
    assert not list(cache.iterdir())


@pytest.mark.usefixtures("cache")
def test_what_others_may_write_is_not_run(cache: Path) -> None:
    path = MotionArtefact().path
    cache.mkdir(0o700)
    path.touch(0o600)
    path.chmod(0o622)
    with pytest.raises(CompilationError, match="others may write to it"):
        MotionArtefact().load()
    path.chmod(0o600)
    cache.chmod(0o777)
    with pytest.raises(CompilationError, match="others may write to it"):
        MotionArtefact().load()
    assert path.exists()


@pytest.mark.usefixtures("cache")
def test_what_lies_beside_a_clip_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('a stranger was run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXX", "/nowhere/g++")  # so that it ends soon
    with pytest.raises(CompilationError, match="compiler"):
        MotionArtefact().make()


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
        MotionArtefact().make()
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path(f"/proc/{pid}/cmdline").exists() or b"sleep" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert not list(cache.iterdir())


@pytest.mark.usefixtures("cache")
def test_what_the_compiler_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho 'motion.cpp:1:1: error: no such thing' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(CompilationError, match=r"^motion\.cpp:1:1: error: no such thing$"):
        MotionArtefact().make()


@pytest.mark.usefixtures("cache")
def test_the_compiler_s_options_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = tmp_path / "g++"
    echo.write_text('#!/bin/sh\necho "error: $*" >&2\nexit 1\n')
    echo.chmod(0o755)
    monkeypatch.setenv("CXX", f"'{echo}' -fwhatever")
    with pytest.raises(CompilationError, match=r"^error: -fwhatever -O3 "):
        MotionArtefact().make()


@pytest.mark.usefixtures("cache")
def test_a_part_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path) -> bytes:
        raise FileNotFoundError(2, "No such file or directory", "/nowhere/motion.cpp")

    monkeypatch.setattr(Path, "read_bytes", missing)
    with pytest.raises(CompilationError, match=r"/nowhere/motion\.cpp: No such file"):
        MotionArtefact().make()


def test_others_may_not_have_the_folder_that_is_compiled_in(cache: Path) -> None:
    cache.mkdir(0o700)
    cache.chmod(0o777)
    with pytest.raises(CompilationError, match="others may write to it"):
        MotionArtefact().make()
    assert not list(cache.iterdir())


def test_what_is_compiled_is_part_of_the_package() -> None:
    configuration = ConfigParser()
    root = Path(artefact.__file__).parents[2]
    configuration.read(root / "setup.cfg")
    data = configuration["options.package_data"]
    for path in (path for ending in ("*.cpp", "*.h") for path in (root / "tsexpand").rglob(ending)):
        assert any(map(path.match, data[f"tsexpand.{path.parent.name}"].split(", "))), path

"""Compiled code, made once for all tests of a run."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tsexpand.compiled import compiler
from tsexpand.compiled.artefact import Artefact, Code

needs_compiler = pytest.mark.skipif(not any(map(shutil.which, compiler._COMPILERS)), reason="needs a C++ compiler")


def code_of(artefact: Artefact[Code]) -> Code:
    """That of an artefact, whose name may depend on what a test says of the CPU."""
    return _code_of(artefact, artefact.name)


@cache
def _code_of(artefact: Artefact[Code], name: str) -> Code:
    module, *arguments = artefact.maker
    with TemporaryDirectory() as folder:
        package = Path(folder) / "package.zip"
        compiler.compile_apart(module, arguments, package)
        return artefact.read(compiler.library_of(package, package.parent))


def mistaken_compiler(folder: Path, source: Path, right: str, wrong: str) -> Path:
    """A compiler for which a file of ours says something else."""
    package, copy, mistaken = source.parents[1], folder / "package", folder / "g++"
    for path in (path for ending in ("*.cpp", "*.h") for path in package.rglob(ending)):
        (copy / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy / path.parent.name)
    changed = copy / source.relative_to(package)
    assert right in changed.read_text()
    changed.write_text(changed.read_text().replace(right, wrong))
    mistaken.write_text(f"#!/bin/sh\nexec {shutil.which('g++')} $(echo \"$@\" | sed 's#{package}#{copy}#')\n")
    mistaken.chmod(0o755)
    return mistaken

"""Compiled code, made once for all tests of a run."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch

from tsexpand.engines import compiler
from tsexpand.engines.artefacts import Artefact
from tsexpand.engines.compiled import CompiledCode, loaded
from tsexpand.network.methods import METHODS

needs_compiler = pytest.mark.skipif(not any(map(shutil.which, compiler._COMPILERS)), reason="needs a C++ compiler")


def code_of(artefact: Artefact) -> CompiledCode:
    """That of an artefact, whose method may depend on what a test says of the CPU."""
    return _code_of(artefact.method.name, artefact.dtype)


@cache
def _code_of(method: str, dtype: torch.dtype) -> CompiledCode:
    with TemporaryDirectory() as name:
        package = Path(name) / "package.zip"
        compiler.compile_code(METHODS[method], dtype, package)
        return loaded(package, METHODS[method], package.parent)

"""Compiles the network's full-resolution part, and tries it: run in a process of its own, see `compile_apart`."""

import sys
from pathlib import Path

import torch

from ..compiled.compiler import compile_library, library_of, refuse_wrong
from ..network.expandnet import HALO, ExpandNet
from ..network.methods import DIRECT, METHODS, Method, multiplies_matrices
from .compiled import CompiledCode

_OF_MATRICES = ("-DMATRICES", "-mamx-tile", "-mamx-bf16")
_NUMBERS = {torch.float32: "float", torch.bfloat16: "Bfloat16"}

_MOST_ERROR = {torch.float32: 1e-3, torch.bfloat16: 0.3}
"""Of a pixel, by the standard deviation of all; right code is off by 1e-5 and 0.05."""


def _main(name: str, kind: str, path: str) -> None:
    method, dtype, package = METHODS[name], getattr(torch, kind), Path(path)
    matrices = _OF_MATRICES if method is DIRECT and multiplies_matrices() else ()
    compile_library(method.source, package, f"-DNUMBER={_NUMBERS[dtype]}", *matrices)
    _try(CompiledCode(library_of(package, package.parent), method), method, dtype)


def _try(code: CompiledCode, method: Method, dtype: torch.dtype) -> None:
    """Runs it once here, where a crash ends but this process, and compares it with what it is to compute."""
    torch.manual_seed(0)
    network = ExpandNet().eval()
    side = 24
    more = 2 * HALO + method.beyond
    signal = torch.rand(1, 3, side + more, side + more).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        features = network.global_features(signal)
        expected = network.expand(signal, features, padded=False)[..., :side, :side]
        error = float((code(signal, features, method.kernels(network, dtype)) - expected).abs().max() / expected.std())
    refuse_wrong(error, _MOST_ERROR[dtype])


if __name__ == "__main__":
    _main(*sys.argv[1:])

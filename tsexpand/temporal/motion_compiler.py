"""Compiles `motion.cpp`, and tries it: run in a process of its own, see `compile_apart`."""

import sys
from pathlib import Path

import torch

from ..colour.codes import Primaries
from ..colour.transfer import pq_eotf
from ..compiled.compiler import compile_library, library_of, refuse_wrong
from .cpu_motion import SOURCE, CpuMotion
from .denoising import Seen, average, observe
from .optical_flow import enlarged, no_flow, optical_flow

_MOST_ERROR = 5e-3
"""Of a value, by the standard deviation of all; right code is off by 2e-4, which is PyTorch's error."""


def _main(path: str) -> None:
    package = Path(path)
    compile_library(SOURCE, package)
    _try(CpuMotion(library_of(package, package.parent)))


@torch.inference_mode()
def _try(code: CpuMotion) -> None:
    """Runs it once here, where a crash ends but this process, and compares it with PyTorch's operations."""
    torch.manual_seed(0)
    height, width = 25, 83
    level = enlarged(torch.rand(1, 2, 7, 21), torch.empty(1, 1, height, width)) / 4 + 0.2
    frames = list(pq_eotf(torch.cat((level, level[:, :1]), 1) + 0.01 * torch.rand(3, 3, height, width)).chunk(3))
    signals = [observe(frame, Primaries.BT709) for frame in frames]
    flow = no_flow(torch.empty(1, 1, 13, 42)).uniform_(-0.5, 0.5)
    near = [Seen(signal, flow) for signal in signals]
    one, other = (signal[:, 3:] for signal in signals[:2])
    for right, found in (
        (torch.cat(signals), torch.cat([observe(frame, Primaries.BT709, code) for frame in frames])),
        (optical_flow(one, other), code.optical_flow(one, other)),
        (average(frames[1], near, 1), average(frames[1], near, 1, code)),
    ):
        refuse_wrong(float((found - right).abs().max() / right.std()), _MOST_ERROR)


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""Kernels compiled for a GPU that need not be there."""

import os
import subprocess
import sys
from pathlib import Path

_STAND_INS = """
import sys, torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

class Gpu:
    def get_current_target(self):
        return GPUTarget("cuda", int(sys.argv[1]), 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0

class Compiled:
    def __init__(self, name, kernel):
        self.name, self.kernel = name, kernel

    def __getitem__(self, grid):
        def compiled(*arguments, **options):
            made = self.kernel.warmup(*arguments, grid=grid, **options)
            print(self.name, made.metadata.shared, "wgmma" in made.asm["ptx"], "bulk.tensor" in made.asm["ptx"])
        return compiled

def compile_only(module, *names):
    driver.set_active(Gpu())
    for name in names:
        setattr(module, name, Compiled(name, getattr(module, name)))
"""


def compiled(folder: Path, capability: int, code: str) -> dict[str, tuple[int, bool, bool]]:
    """Runs code in which `compile_only(module, *names)` makes launches of kernels compile them and do nothing else.

    Args:
        folder: for what is compiled.
        capability: of the GPU, 90 for Hopper.
        code: that launches them.

    Returns:
        By name: bytes that programs of a block share, whether tensor cores of Hopper multiply, whether its tile loader
        moves.
    """
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(folder), "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-W", "ignore", "-c", _STAND_INS + code, str(capability)]
    lines = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()
    words = map(str.split, lines)
    return {name: (int(shared), *(each == "True" for each in rest)) for name, shared, *rest in words}  # type: ignore[misc]

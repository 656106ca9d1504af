"""Functions that PyTorch has of MKL, called once by one thread before several may call them.

MKL chooses at the first call of each which code this CPU runs best. Before its version 2025, a thread that calls it
while another one chooses may get code of a lower accuracy: for that call, its results are off by up to thousands of
roundings, and differ from those of any other run.

Reference:
    PyTorch issue 188792: how often, and which versions of MKL.
"""

from functools import cache

import torch

_OF_MKL = (
    *(torch.acos, torch.asin, torch.atan, torch.cos, torch.erf, torch.erfc, torch.erfinv, torch.exp, torch.log),
    *(torch.log10, torch.log2, torch.sin, torch.sqrt, torch.tan, torch.tanh, torch.trunc),
)
"""Those of ATen/cpu/vml.h."""

_BESIDE = (torch.logit,)
"""What calls MKL's logarithm in a way of its own."""


@cache
def settle_vector_functions() -> None:
    """Has each of them chosen, for this process and those that it forks: some milliseconds, the first time.

    Not to be called by two threads at once, see `cores.settle`.
    """
    for dtype in (torch.float32, torch.float64):
        value = torch.full((1,), 0.5, dtype=dtype)
        for function in (*_OF_MKL, *_BESIDE):
            function(value)

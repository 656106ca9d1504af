"""Optical flow, and averages along it, on NVIDIA GPUs: what `optical_flow` and `denoising` say, in few kernels.

There hundreds of small operations take longer to begin than to do. What becomes of a pixel depends on no other frame of
a batch; it differs by roundings from what PyTorch's operations make of it.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
from torch import Tensor

from . import motion_kernels
from .optical_flow import LONGEST_STEP, NOISE, STEPS, WINDOW, enlarged, halvings, no_flow

_PIXELS = 256
"""That a program computes."""


def optical_flow(picture: Tensor, following: Tensor) -> Tensor:
    """See `optical_flow.optical_flow`."""
    pairs = [pair.chunk(2) for pair in halvings(torch.cat((picture, following)))]
    flow = no_flow(pairs[-1][0])
    for first, other in reversed(pairs):
        flow = enlarged(flow, first).contiguous()
        products = _made(motion_kernels.products, 3, (first,), RADIUS=WINDOW)
        inverse = _made(motion_kernels.inverses, 3, (products,), NOISE, RADIUS=WINDOW)
        for _ in range(STEPS):
            errors = _made(motion_kernels.errors, 2, (first, other, flow))
            columns = _made(motion_kernels.averaged_down, 2, (errors,), programs=2, RADIUS=WINDOW)
            moved = _made(motion_kernels.steps, 2, (columns, inverse, flow), LONGEST_STEP, RADIUS=WINDOW)
            flow = _made(motion_kernels.smoothed, 2, (moved,), programs=2)
    return flow


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """See `optical_flow.warped`."""
    channels = picture.shape[1]
    return _made(
        motion_kernels.warped, channels, (picture.contiguous(), flow.contiguous()), channels, programs=channels
    )


def shown(own: Tensor, neighbours: Sequence[tuple[Tensor, Tensor]], noise: float, shadow: float) -> Tensor:
    """R, G and B of a frame averaged with its neighbours, PQ.

    Args:
        own: (1, 4, H, W), PQ of R, G and B less that of luminance, and that of luminance.
        neighbours: likewise, with the flow to each, (1, 2, ⌈H / 2⌉, ⌈W / 2⌉), see `optical_flow`.
        noise: difference that may be noise, PQ.
        shadow: luminance below which less counts as noise, PQ.

    Returns:
        (1, 3, H, W); to the last bit the frame's own where no neighbour differs.
    """
    (height, width), own = own.shape[-2:], own.contiguous()
    differences = own.new_empty(len(neighbours), *own.shape[1:])
    for number, (other, flow) in enumerate(neighbours):
        rows, columns = flow.shape[-2:]
        times = 1.0 if (rows, columns) == (height, width) else 2.0  # as `enlarged` does
        numbers = rows, columns, times, rows / height, columns / width
        pictures = own, other.contiguous(), flow.contiguous()
        _fill(differences[number : number + 1], motion_kernels.differences, pictures, *numbers)
    return _made(motion_kernels.shown, 3, (own, differences), len(neighbours), noise, shadow)


def _made(
    kernel: Any, channels: int, inputs: tuple[Tensor, ...], *numbers: float, programs: int = 1, **known: int
) -> Tensor:
    """Pictures (N, `channels`, H, W), N, H and W of the first input, that a kernel fills; see `_fill`."""
    count, _, *size = inputs[0].shape
    out = inputs[0].new_empty(count, channels, *size)
    _fill(out, kernel, inputs, *numbers, programs=programs, **known)
    return out


def _fill(
    out: Tensor, kernel: Any, inputs: tuple[Tensor, ...], *numbers: float, programs: int = 1, **known: int
) -> None:
    """Runs a kernel for every pixel of some pictures.

    Args:
        out: (N, C, H, W), what it makes.
        kernel: to be run.
        inputs: that it takes, dense.
        numbers: that it takes, too.
        programs: C where it makes each plane of a picture by itself, 1 where it makes all of them at once.
        known: when it is compiled.
    """
    height, width = out.shape[-2:]
    grid = triton.cdiv(height * width, _PIXELS), len(out) * programs
    # Triton launches on the current device, wherever the tensors are.
    with torch.cuda.device_of(out):  # type: ignore[no-untyped-call]
        kernel[grid](*inputs, out, height, width, *numbers, PIXELS=_PIXELS, **known)

"""Optical flow, and averages along it, on NVIDIA GPUs: what `optical_flow` and `denoising` say, in few kernels.

There hundreds of small operations take longer to begin than to do. What becomes of a pixel depends on no other frame of
a batch; it differs by roundings from what PyTorch's operations make of it.
"""

from collections.abc import Iterable
from typing import Any

import torch
import triton
from torch import Tensor

from . import motion_kernels as kernels
from .optical_flow import LONGEST_STEP, NOISE, STEPS, WINDOW, enlarged, halvings, no_flow

_PIXELS = 256
"""That a program computes."""


def optical_flow(picture: Tensor, following: Tensor) -> Tensor:
    """See `optical_flow.optical_flow`."""
    pairs = [pair.chunk(2) for pair in halvings(torch.cat((picture, following)))]
    flow = no_flow(pairs[-1][0])
    for first, other in reversed(pairs):
        flow = enlarged(flow, first).contiguous()
        products = _made(kernels.products, 3, (first,), RADIUS=WINDOW)
        inverse = _made(kernels.inverses, 3, (products,), NOISE, RADIUS=WINDOW)
        for _ in range(STEPS):
            errors = _made(kernels.errors, 2, (first, other, flow))
            columns = _made(kernels.averaged_down, 2, (errors,), planes=2, RADIUS=WINDOW)
            moved = _made(kernels.steps, 2, (columns, inverse, flow), LONGEST_STEP, RADIUS=WINDOW)
            flow = _made(kernels.smoothed, 2, (moved,), planes=2)
    return flow


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """See `optical_flow.warped`."""
    channels = picture.shape[1]
    return _made(kernels.warped, channels, (picture.contiguous(), flow.contiguous()), channels, planes=channels)


def shown(own: Tensor, neighbours: Iterable[tuple[Tensor, Tensor]], noise: float, shadow: float) -> Tensor:
    """R, G and B of a frame averaged with its neighbours, PQ.

    Args:
        own: (1, 4, H, W), R, G and B less luminance, and luminance.
        neighbours: likewise, with the flow to each, of half the size.
        noise: difference that may be noise.
        shadow: luminance below which less counts as noise.

    Returns:
        (1, 3, H, W); to the last bit the frame's own where no neighbour differs.
    """
    found = [_differences(own, other, flow) for other, flow in neighbours]
    differences = torch.cat(found) if found else own.new_empty(0)
    return _made(kernels.shown, 3, (own, differences), len(found), noise, shadow)


def _differences(own: Tensor, other: Tensor, flow: Tensor) -> Tensor:
    """(1, 4, H, W), see `kernels.differences`."""
    (height, width), (rows, columns) = own.shape[-2:], flow.shape[-2:]
    times = 1.0 if (rows, columns) == (height, width) else 2.0
    numbers = rows, columns, times, rows / height, columns / width
    return _made(kernels.differences, 4, (own, other, flow.contiguous()), *numbers)


def _made(
    kernel: Any, channels: int, inputs: tuple[Tensor, ...], *numbers: float, planes: int = 1, **known: int
) -> Tensor:
    """Pictures (N, `channels`, H, W) that a kernel makes of others, N of the size of the first.

    Args:
        kernel: to be run for every pixel.
        channels: of the result.
        inputs: dense.
        numbers: that the kernel takes too.
        planes: of a picture that it makes apart, all or 1.
        known: when it is compiled.
    """
    count, _, height, width = inputs[0].shape
    out = inputs[0].new_empty(count, channels, height, width)
    grid = triton.cdiv(height * width, _PIXELS), count * planes
    # Triton launches on the current device, wherever the tensors are.
    with torch.cuda.device_of(out):  # type: ignore[no-untyped-call]
        kernel[grid](*inputs, out, height, width, *numbers, PIXELS=_PIXELS, **known)
    return out

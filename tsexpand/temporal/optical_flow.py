"""Where each pixel of a picture is in the next one.

Reference:
    B. Lucas, T. Kanade, "An Iterative Image Registration Technique with an Application to Stereo
    Vision" (1981), in its coarse-to-fine form: J.-Y. Bouguet, "Pyramidal Implementation of the
    Lucas Kanade Feature Tracker" (2000), here with a window around every pixel.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..constants import constant
from ..cores import by_strips

SMALLEST = 12
"""Pixels; a coarser picture than that would have little to match."""

WINDOW = 5
"""Radius of the window that is matched, in pixels of each picture of the pyramid."""

NOISE = 3e-5
"""Mean squared gradient, of PQ signals, that counts as noise: where there is less, nothing moves the flow. Three times
as much took another half per cent of flicker off compressed clips, but let faint texture stay behind."""

LONGEST_STEP = 1.0
"""Pixels that one step may move a window: beyond, the linear model says nothing."""

STEPS = 2
"""On each picture."""


def optical_flow(picture: Tensor, following: Tensor) -> Tensor:
    """Motion from a picture to another of the same scene.

    Found on pictures of half and smaller size, and given on that of half: full size, at three times the cost, made
    no measurable difference to what `denoise` needs it for.

    Args:
        picture: (N, 1, H, W), PQ signal of luminance.
        following: likewise.

    Returns:
        (N, 2, ⌈H / 2⌉, ⌈W / 2⌉), pixels of that size right and down: what is at x in the first is at x + flow(x) in
        the other; 0 throughout where they are the same. Smooth; near what is uncovered it is a guess.
    """
    pyramid = list(zip(halvings(picture), halvings(following), strict=True))
    flow = no_flow(pyramid[-1][0])
    for first, other in reversed(pyramid):
        flow, windows = enlarged(flow, first), _Matched(first)
        for _ in range(STEPS):
            flow = windows.stepped(other, flow)
    return flow


def no_flow(picture: Tensor) -> Tensor:
    """The flow (N, 2, H, W) of a picture (N, C, H, W) that stands still."""
    return picture.new_zeros(picture.shape[0], 2, *picture.shape[-2:])


def enlarged(flow: Tensor, picture: Tensor) -> Tensor:
    """The flow of a picture of half the size on the grid of a picture, in its pixels; or the same where it fits."""
    if flow.shape[-2:] == picture.shape[-2:]:
        return flow
    return F.interpolate(2 * flow, picture.shape[-2:], mode="bilinear", align_corners=False)


def warped(picture: Tensor, flow: Tensor) -> Tensor:
    """A picture (N, C, H, W) seen at x + flow(x), see `sampled`; float32, and no part of a training."""
    return by_strips(lambda rows: _moved(picture, flow[:, :, rows], rows), flow, picture.shape[1])


Warp = Callable[[Tensor, Tensor], Tensor]
"""`warped`, or the same in another way."""


def inverse_flow(flow: Tensor, warp: Warp = warped) -> Tensor:
    """The motion back: (N, 2, H, W) pixels from the other picture to the first, for smooth motion."""
    return -warp(flow, -flow)


def _moved(picture: Tensor, flow: Tensor, rows: slice) -> Tensor:
    """The same of some rows, of which the flow is."""
    return sampled(picture, places(flow, picture.shape[2], rows.start))


def places(flow: Tensor, height: int, top: int = 0) -> Tensor:
    """Where a flow leads to.

    Args:
        flow: (N, 2, h, W), pixels, of all rows or some; of a floating type, and no part of a training.
        height: of the whole picture.
        top: row of it that is the first of the flow.

    Returns:
        (N, h, W, 2), as `sampled` takes them: right and down, from -1 to 1 across the picture.
    """
    rows, width = flow.shape[-2:]
    x = constant(flow, _centres, width)
    y = constant(flow, _centres, height)[top : top + rows, None]
    there = torch.empty_like(flow)  # right and down apart, as writing them side by side takes many times as long
    torch.add(x, flow[:, 0], alpha=2 / width, out=there[:, 0])
    torch.add(y, flow[:, 1], alpha=2 / height, out=there[:, 1])
    return there.permute(0, 2, 3, 1)


def _centres(length: int) -> Tensor:
    """Of the pixels of a line that reaches from -1 to 1."""
    return (2 * torch.arange(length, dtype=torch.float64) + 1) / length - 1


def sampled(picture: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """A picture (N, C, H, W) at `places` (N, h, w, 2); its edge is repeated beyond it.

    Places are rounded to some millionths, so that even where nothing moves a little changes: compare
    only what went through here with what did so too.

    Args:
        picture: to be sampled.
        places: where.
        mode: "bilinear", or "bicubic", which keeps what is fine.

    Returns:
        (N, C, h, w).
    """
    return F.grid_sample(picture, places, mode=mode, padding_mode="border", align_corners=False)


def box_mean(picture: Tensor, radius: int) -> Tensor:
    """Mean over a square around each pixel; the edge is repeated beyond the picture."""
    size = 2 * radius + 1
    padded = F.pad(picture, (radius,) * 4, mode="replicate")
    return (_pooled if picture.is_cuda else _summed)(padded, size)


def _pooled(values: Tensor, size: int) -> Tensor:
    """Means of squares in few operations, as a GPU likes them."""
    return F.avg_pool2d(F.avg_pool2d(values, (size, 1), 1), (1, size), 1)


def _summed(values: Tensor, size: int) -> Tensor:
    """The same in little work: on a CPU a tenth of what pooling takes."""
    return _sums(_sums(values, size, 2), size, 3) / size**2


def _sums(values: Tensor, size: int, dim: int) -> Tensor:
    """Sums of `size` neighbours, put together of sums of 1, 2, 4 and so on."""
    count = values.shape[dim] - size + 1
    total = torch.zeros_like(values.narrow(dim, 0, count))
    done, span = 0, 1
    while done < size:
        if size & span:
            total += values.narrow(dim, done, count)
            done += span
        if done < size:
            length = values.shape[dim] - span
            values = values.narrow(dim, 0, length) + values.narrow(dim, span, length)
            span *= 2
    return total


def halvings(picture: Tensor) -> list[Tensor]:
    """A picture of half the size, of a quarter, and so on, the largest first."""
    pyramid = [_halved(picture)]
    while min(pyramid[-1].shape[-2:]) >= 2 * SMALLEST:
        pyramid.append(_halved(pyramid[-1]))
    return pyramid


def _halved(picture: Tensor) -> Tensor:
    return F.avg_pool2d(picture, 2, ceil_mode=True)


class _Matched:
    """A picture whose windows are looked for in another."""

    def __init__(self, picture: Tensor) -> None:
        self._picture = picture
        self._measures = by_strips(self._measured, picture, 6, WINDOW + 1)

    def _measured(self, rows: slice) -> Tensor:
        """Of rows: gradient (2 channels), inverse of its mean products (3), the picture as sampled."""
        padded = F.pad(self._picture[:, :, rows], (1, 1, 1, 1), mode="replicate")
        right = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
        down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
        gradient = torch.cat((right, down), 1).div_(2)
        products = torch.cat((gradient.square(), gradient[:, :1] * gradient[:, 1:]), 1)
        means = box_mean(products, WINDOW)
        squares, product = means[:, :2] + NOISE, means[:, 2:]
        determinant = squares[:, :1] * squares[:, 1:] - product.square()
        still = _moved(self._picture, no_flow(padded[..., 1:-1, 1:-1]), rows)
        return torch.cat((gradient, squares.flip(1) / determinant, product / determinant, still), 1)

    def stepped(self, other: Tensor, flow: Tensor) -> Tensor:
        """One step of Gauss and Newton towards the flow that matches the windows."""

        def step(rows: slice) -> Tensor:
            gradient, inverse, across, still = torch.split(self._measures[:, :, rows], [2, 2, 1, 1], 1)
            here = flow[:, :, rows]
            found = box_mean(gradient * (_moved(other, here, rows) - still), WINDOW)
            step = across * found.flip(1) - inverse * found
            return box_mean(here + step.clamp(-LONGEST_STEP, LONGEST_STEP), 1)

        return by_strips(step, flow, 2, WINDOW + 1)

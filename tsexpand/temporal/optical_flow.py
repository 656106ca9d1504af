"""Where each pixel of a picture is in the next one.

Reference:
    B. Lucas, T. Kanade, "An Iterative Image Registration Technique with an Application to Stereo
    Vision" (1981), in its coarse-to-fine form: J.-Y. Bouguet, "Pyramidal Implementation of the
    Lucas Kanade Feature Tracker" (2000), here with a window around every pixel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST = 12
"""Pixels; a coarser picture than that would have little to match."""

_WINDOW = 5
"""Radius of the window that is matched, in pixels of each picture of the pyramid."""

_NOISE = 3e-5
"""Mean squared gradient, of PQ signals, that counts as noise: where there is less, nothing moves the flow. Three times
as much took another half per cent of flicker off compressed clips, but let faint texture stay behind."""

_LONGEST_STEP = 1.0
"""Pixels that one step may move a window: beyond, the linear model says nothing."""

_STEPS = 2
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
    pyramid = [(_halved(picture), _halved(following))]
    while min(pyramid[-1][0].shape[-2:]) >= 2 * SMALLEST:
        pyramid.append((_halved(pyramid[-1][0]), _halved(pyramid[-1][1])))
    flow = no_flow(pyramid[-1][0])
    for first, other in reversed(pyramid):
        flow, windows = enlarged(flow, first), _Matched(first)
        for _ in range(_STEPS):
            flow = windows.stepped(other, flow)
    return flow


def no_flow(picture: Tensor) -> Tensor:
    """The flow (N, 2, H, W) of a picture (N, C, H, W) that stands still."""
    return picture.new_zeros(picture.shape[0], 2, *picture.shape[-2:])


def inverse_flow(flow: Tensor) -> Tensor:
    """The motion back: (N, 2, H, W) pixels from the other picture to the first, for smooth motion."""
    return -warped(flow, -flow)


def enlarged(flow: Tensor, picture: Tensor) -> Tensor:
    """The flow of a picture of half the size on the grid of a picture, in its pixels; or the same where it fits."""
    if flow.shape[-2:] == picture.shape[-2:]:
        return flow
    return 2 * F.interpolate(flow, picture.shape[-2:], mode="bilinear", align_corners=False)


def warped(picture: Tensor, flow: Tensor, mode: str = "bilinear", top: int = 0) -> Tensor:
    """A picture (N, C, H, W) seen at x + flow(x); its edge is repeated beyond it.

    Places are rounded to some millionths, so that even where nothing moves a little changes: compare
    only what went through here with what did so too.

    Args:
        picture: to be sampled.
        flow: (N, 2, h, W), pixels, of all rows or some.
        mode: "bilinear", or "bicubic", which keeps what is fine.
        top: row of the picture that is the first of the flow.

    Returns:
        (N, C, h, W).
    """
    height, width = picture.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    rows = torch.arange(top, top + flow.shape[-2], device=flow.device, dtype=flow.dtype)
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * (rows[:, None] + flow[:, 1]) + 1) / height - 1), dim=-1)
    return F.grid_sample(picture, grid, mode=mode, padding_mode="border", align_corners=False)


def box_mean(picture: Tensor, radius: int) -> Tensor:
    """Mean over a square around each pixel; the edge is repeated beyond the picture."""
    size = 2 * radius + 1
    padded = F.pad(picture, (radius,) * 4, mode="replicate")
    return _sums(_sums(padded, size, 2), size, 3) / size**2


def _sums(values: Tensor, size: int, dim: int) -> Tensor:
    """Sums of `size` neighbours, put together of sums of 1, 2, 4 and so on: ten times as fast as pooling."""
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


def _halved(picture: Tensor) -> Tensor:
    return F.avg_pool2d(picture, 2, ceil_mode=True)


class _Matched:
    """A picture whose windows are looked for in another."""

    def __init__(self, picture: Tensor) -> None:
        padded = F.pad(picture, (1, 1, 1, 1), mode="replicate")
        self._right = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        self._down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        squares = torch.cat((self._right * self._right, self._right * self._down, self._down * self._down), 1)
        xx, self._xy, yy = box_mean(squares, _WINDOW).chunk(3, 1)
        self._xx, self._yy = xx + _NOISE, yy + _NOISE
        self._determinant = self._xx * self._yy - self._xy * self._xy
        self._still = warped(picture, no_flow(picture))

    def stepped(self, other: Tensor, flow: Tensor) -> Tensor:
        """One step of Gauss and Newton towards the flow that matches the windows."""
        difference = warped(other, flow) - self._still
        x, y = box_mean(torch.cat((self._right * difference, self._down * difference), 1), _WINDOW).chunk(2, 1)
        step = torch.cat((self._xy * y - self._yy * x, self._xy * x - self._xx * y), 1) / self._determinant
        return box_mean(flow + step.clamp(-_LONGEST_STEP, _LONGEST_STEP), 1)

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

    Found on pictures of half and smaller size; full size, at three times the cost, made no
    measurable difference to what `denoise` needs it for.

    Args:
        picture: (N, 1, H, W), PQ signal of luminance.
        following: likewise.

    Returns:
        (N, 2, H, W), pixels right and down: what is at x in the first is at x + flow(x) in the
        other; 0 throughout where they are the same. Smooth; near what is uncovered it is a guess.
    """
    pyramid = [(_halved(picture), _halved(following))]
    while min(pyramid[-1][0].shape[-2:]) >= 2 * SMALLEST:
        pyramid.append((_halved(pyramid[-1][0]), _halved(pyramid[-1][1])))
    flow = no_flow(pyramid[-1][0])
    for first, other in reversed(pyramid):
        flow, windows = _enlarged(flow, first), _Matched(first)
        for _ in range(_STEPS):
            flow = windows.stepped(other, flow)
    return _enlarged(flow, picture)


def no_flow(picture: Tensor) -> Tensor:
    """The flow (N, 2, H, W) of a picture (N, C, H, W) that stands still."""
    return picture.new_zeros(picture.shape[0], 2, *picture.shape[-2:])


def inverse_flow(flow: Tensor) -> Tensor:
    """The motion back: (N, 2, H, W) pixels from the other picture to the first, for smooth motion."""
    return -warped(flow, -flow)


def warped(picture: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """A picture (N, C, H, W) seen at x + flow(x); its edge is repeated beyond it.

    Places are rounded to some millionths, so that even where nothing moves a little changes: compare
    only what went through here with what did so too.

    Args:
        picture: to be sampled.
        flow: (N, 2, H, W), pixels.
        mode: "bilinear", or "bicubic", which keeps what is fine.
    """
    height, width = picture.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    y = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    grid = torch.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), dim=-1)
    return F.grid_sample(picture, grid, mode=mode, padding_mode="border", align_corners=False)


def box_mean(picture: Tensor, radius: int) -> Tensor:
    """Mean over a square around each pixel; the edge is repeated beyond the picture."""
    size = 2 * radius + 1
    padded = F.pad(picture, (radius,) * 4, mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(padded, (1, size), 1), (size, 1), 1)


def _halved(picture: Tensor) -> Tensor:
    return F.avg_pool2d(picture, 2, ceil_mode=True)


def _enlarged(flow: Tensor, picture: Tensor) -> Tensor:
    """The flow on the grid of the picture, which is twice as large, or the same."""
    if flow.shape[-2:] == picture.shape[-2:]:
        return flow
    return 2 * F.interpolate(flow, picture.shape[-2:], mode="bilinear", align_corners=False)


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

"""Slight motion, before and after which the light must be the same: what the published stability losses are made of.

A motion is an affine map of places in a picture: pixels right and down from its centre, before and after.

Reference:
    G. Eilertsen et al., "Single-frame Regularization for Temporally Stable CNNs" (2019), arXiv 1902.10424.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

ROTATION = SHEAR = math.radians(1)
"""Largest angles, either way."""

TRANSLATION = 2.0
"""Largest number of pixels, in each direction."""

ZOOM = (0.97, 1.03)
"""Smallest and largest."""


def random_motion(rng: np.random.Generator, count: int) -> Tensor:
    """Draws motions: shear, then zoom, rotation and translation, all uniform.

    Args:
        rng: to draw from.
        count: how many.

    Returns:
        (count, 2, 3), float32.
    """
    rotation, shear = rng.uniform(-ROTATION, ROTATION, count), np.tan(rng.uniform(-SHEAR, SHEAR, count))
    zoom, translation = rng.uniform(*ZOOM, count), rng.uniform(-TRANSLATION, TRANSLATION, (2, count))
    cosine, sine = zoom * np.cos(rotation), zoom * np.sin(rotation)
    rows = [[cosine, cosine * shear - sine, translation[0]], [sine, sine * shear + cosine, translation[1]]]
    return torch.from_numpy(np.array(rows)).permute(2, 0, 1).float()


def moved(pictures: Tensor, motion: Tensor) -> Tensor:
    """Pictures as they look after a motion, resampled bilinearly; differentiable.

    Places are found in float64, on the CPU: there are devices that can't.

    Args:
        pictures: (N, C, H, W), floating point.
        motion: (N, 2, 3).

    Returns:
        Same shape and type; where something from outside the picture should have moved in, its edge is repeated
        (see `inner_margin`).
    """
    height, width = pictures.shape[-2:]
    motion = motion.to("cpu", torch.float64)
    x, y = (torch.arange(size) - (size - 1) / 2 for size in (width, height))
    places = torch.stack(torch.meshgrid(x, y, indexing="xy")).flatten(1).double()
    sources = torch.linalg.solve(motion[:, :, :2], places - motion[:, :, 2:])  # where each pixel came from
    grid = (sources.mT / sources.new_tensor([width / 2, height / 2])).unflatten(1, (height, width))
    return F.grid_sample(pictures, grid.to(pictures), mode="bilinear", padding_mode="border", align_corners=False)


def about(motion: Tensor, centre: tuple[float, float]) -> Tensor:
    """The motion (N, 2, 3) that does about a point what a motion does about the centre.

    Args:
        motion: (N, 2, 3).
        centre: the point, pixels right and down from the centre.
    """
    point = motion.new_tensor(centre)[:, None]
    return torch.cat([motion[:, :, :2], motion[:, :, 2:] + point - motion[:, :, :2] @ point], dim=2)


def inner_margin(size: int) -> int:
    """How far from the edges of a square picture the largest random motion may show what is not in it.

    Args:
        size: of the picture, pixels.

    Returns:
        Pixels; those at least as many from every edge are moved out of the picture itself.
    """
    edge = (size - 1) / 2
    # By how much the way back may enlarge: at an angle of rotation r and shear s its rows sum to at most
    # (1 + sin r)(1 + tan s) / zoom, less than a thousandth of it too much.
    growth = (1 + math.sin(ROTATION)) * (1 + math.tan(SHEAR)) / ZOOM[0]
    return math.ceil(edge + TRANSLATION - edge / growth)

"""HDR scenes to learn from, and the views that a camera sees of them."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..codecs.exr import read_exr
from ..errors import InputError

_WRAP = 8
"""Columns repeated across the seam of a panorama, so that interpolation does not see it."""

_PANORAMA_ASPECT = 1.9
"""An equirectangular panorama is twice as wide as high; no photograph is."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Linear light of a scene.

    Attributes:
        name: of the file, without its ending.
        light: (3, H, W), half, relative, finite and not negative; panoramas wrapped by `_WRAP`.
        panorama: whether it is equirectangular.
    """

    name: str
    light: Tensor
    panorama: bool


def load_scene(path: Path) -> Scene:
    """Reads an .exr scene; a picture at least 1.9 times as wide as high is a panorama."""
    light = read_exr(path).clamp_min(0)
    panorama = light.shape[-1] >= _PANORAMA_ASPECT * light.shape[-2]
    if panorama:
        light = torch.cat([light[..., -_WRAP:], light, light[..., :_WRAP]], dim=-1)
    return Scene(path.stem, light.half().contiguous(), panorama)


def load_scenes(folder: Path) -> list[Scene]:
    """Reads all .exr files of a folder, in the order of their names.

    Raises:
        InputError: there is none, or one can't be read.
    """
    paths = sorted(folder.glob("*.exr"))
    if not paths:
        raise InputError(f"{folder}: no .exr scenes")
    return [load_scene(path) for path in paths]


def panorama_view(scene: Scene, yaw: float, pitch: float, field_of_view: float, height: int, width: int) -> Tensor:
    """What a pinhole camera in the middle of a panorama sees.

    Args:
        scene: a panorama.
        yaw: radians to the right.
        pitch: radians.
        field_of_view: horizontal, radians, below π.
        height: of the view.
        width: of the view.

    Returns:
        (3, height, width), float32, linear light.
    """
    focal = 0.5 * width / math.tan(field_of_view / 2)
    y = torch.arange(height, dtype=torch.float32) - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float32) - (width - 1) / 2
    down, right = torch.meshgrid(y / focal, x / focal, indexing="ij")
    forward = torch.ones_like(right)
    tilted_down = math.cos(pitch) * down - math.sin(pitch) * forward
    tilted_forward = math.sin(pitch) * down + math.cos(pitch) * forward
    turned_right = math.cos(yaw) * right + math.sin(yaw) * tilted_forward
    turned_forward = -math.sin(yaw) * right + math.cos(yaw) * tilted_forward
    length = (right**2 + down**2 + 1).sqrt()
    longitude = torch.atan2(turned_right, turned_forward) / math.pi
    latitude = torch.asin((tilted_down / length).clamp(-1, 1)) / (math.pi / 2)
    wrapped = scene.light.shape[-1]
    grid = torch.stack([longitude * (wrapped - 2 * _WRAP) / wrapped, latitude], dim=-1)
    return F.grid_sample(
        scene.light.float()[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False
    )[0]


def photograph_view(scene: Scene, left: float, top: float, zoom: float, height: int, width: int) -> Tensor:
    """A part of a photograph, resampled.

    Args:
        scene: a photograph.
        left: place of the part, 0 left edge to 1 right edge.
        top: likewise from top to bottom.
        zoom: size of the part, as a fraction of the largest that fits.
        height: of the view.
        width: of the view.

    Returns:
        (3, height, width), float32, linear light.
    """
    rows, columns = scene.light.shape[-2:]
    scale = zoom * min(rows / height, columns / width)
    part_height, part_width = max(1, int(height * scale)), max(1, int(width * scale))
    y, x = int(top * (rows - part_height)), int(left * (columns - part_width))
    part = scene.light[None, :, y : y + part_height, x : x + part_width].float()
    return F.interpolate(part, (height, width), mode="bilinear", align_corners=False, antialias=True)[0]

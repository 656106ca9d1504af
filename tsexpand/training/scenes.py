"""HDR scenes to learn from, and the views that a camera sees of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..codecs.exr import finite_half
from ..codecs.images import LIGHT_SUFFIXES, read_light
from ..errors import InputError
from ..scenes.shape import fit, is_panorama

_WRAP = 8
"""Columns repeated across the seam of a panorama, so that interpolation does not see it."""


_SDR_CODES = 256
"""An SDR picture has no more different values in a channel, whatever file it came in."""

LARGEST = 2048
"""Pixels that are kept of a panorama's width, of a photograph's longer side.

A camera of 480 pixels sees a panorama of this width pixel for pixel at 73° of view. Twice as many would take four times
the memory and alias in wider views, as nothing blurs them; narrower ones are enlarged.
"""

_LARGEST_CLIPPED_SHARE = 0.005
"""Of the pixels: an HDR scene has few at its very maximum."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Linear light of a scene.

    Attributes:
        name: of the file, without its ending.
        light: (3, H, W), half, relative, finite and not negative, no larger than `LARGEST`; panoramas wrapped by
            `_WRAP`.
        panorama: whether it is equirectangular.
    """

    name: str
    light: Tensor
    panorama: bool


@dataclass(frozen=True, slots=True)
class SceneSet:
    """What folders hold.

    Attributes:
        scenes: that can be learned from, sorted by name.
        refused: a line for each file that can't, with the reason.
    """

    scenes: tuple[Scene, ...]
    refused: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of light."""
        return sum(scene.light.nbytes for scene in self.scenes)


def load_scene(path: Path) -> Scene:
    """Reads an .exr or .hdr scene; a larger one than `LARGEST` is made smaller.

    Raises:
        InputError: it can't be read, or shows no more than an SDR picture does.
    """
    light = read_light(path).clamp_min(0)
    _refuse_sdr(light, path)
    panorama = is_panorama(light)
    light = fit(light, LARGEST)
    if panorama:
        light = torch.cat([light[..., -_WRAP:], light, light[..., :_WRAP]], dim=-1)
    return Scene(path.stem, finite_half(light).contiguous(), panorama)


def _refuse_sdr(light: Tensor, path: Path) -> None:
    """Refuses a black picture, one of 8-bit codes, and one whose highlights are cut off."""
    green = light[1]
    peak = light.amax()
    if not peak > 0:
        raise InputError(f"{path}: black, nothing to learn from")
    if len(torch.unique(green)) <= _SDR_CODES:
        raise InputError(f"{path}: an SDR picture (at most {_SDR_CODES} values of green)")
    if (share := float((light.amax(0) >= peak).float().mean())) > _LARGEST_CLIPPED_SHARE:
        raise InputError(f"{path}: clipped, like an SDR picture ({share:.1%} of its pixels are at its maximum)")


def load_scenes(folders: Sequence[Path], room: int | None = None) -> SceneSet:
    """Reads all .exr and .hdr files of folders, in the order of their names.

    Args:
        folders: to read.
        room: bytes that all scenes may take; by default any number.

    Raises:
        InputError: there is none, or none that can be learned from, or no room for them.
    """
    paths = sorted((p for f in folders for p in f.iterdir() if p.suffix.lower() in LIGHT_SUFFIXES), key=_by_name)
    where = ", ".join(map(str, folders))
    if not paths:
        raise InputError(f"{where}: no .exr or .hdr scenes")
    scenes, refused, size = list[Scene](), list[str](), 0
    for number, path in enumerate(paths, 1):
        try:
            scene = load_scene(path)
        except InputError as error:
            refused.append(str(error))
            continue
        scenes.append(scene)
        size += scene.light.nbytes
        if room is not None and size > room:
            raise _no_room(where, number, len(paths), room)
    if not scenes:
        raise InputError(f"{where}: none of {len(paths)} scenes can be learned from; the first: {refused[0]}")
    return SceneSet(tuple(scenes), tuple(refused))


def _no_room(where: str, number: int, count: int, room: int) -> InputError:
    return InputError(
        f"{where}: {number} of {count} scenes take more memory than there is for them ({room / 2**30:.1f} GiB); "
        "give fewer, or make them smaller with tsexpand dataset prepare"
    )


def _by_name(path: Path) -> tuple[str, str]:
    return path.name, str(path)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a camera's picture, in its pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a pinhole camera in the middle of a panorama looks.

    Attributes:
        yaw: radians to the right.
        pitch: radians.
        field_of_view: horizontal, radians, below π.
    """

    yaw: float
    pitch: float
    field_of_view: float


def panorama_view(scene: Scene, pose: Pose, height: int, width: int, window: Window | None = None) -> Tensor:
    """What a camera in the middle of a panorama sees.

    Args:
        scene: a panorama.
        pose: of the camera.
        height: of the camera's picture.
        width: of the camera's picture.
        window: the part of the picture to return; by default all of it.

    Returns:
        (3, h, w) of the window, float32, linear light.
    """
    part = window or Window(0, 0, height, width)
    focal = 0.5 * width / math.tan(pose.field_of_view / 2)
    y = torch.arange(part.top, part.top + part.height, dtype=torch.float32) - (height - 1) / 2
    x = torch.arange(part.left, part.left + part.width, dtype=torch.float32) - (width - 1) / 2
    down, right = torch.meshgrid(y / focal, x / focal, indexing="ij")
    sin_pitch, cos_pitch = math.sin(pose.pitch), math.cos(pose.pitch)
    tilted_down, tilted_forward = cos_pitch * down - sin_pitch, sin_pitch * down + cos_pitch
    longitude = (torch.atan2(right, tilted_forward) + pose.yaw) / math.pi
    latitude = torch.atan(tilted_down * torch.rsqrt(right**2 + tilted_forward**2)) / (math.pi / 2)
    longitude = torch.remainder(longitude + 1, 2) - 1
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

"""Cameras that move through scenes: the frames of a shot, whole or in part."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from .scenes import Pose, Scene, Window, panorama_view, photograph_view

VIEW_HEIGHT, VIEW_WIDTH = 270, 480
"""The frame that the camera takes; the network's global branch sees all of it."""

_STILL = 0.2
"""Share of shots whose camera stands still."""

_MARGIN = 32
"""Pixels around a view of a photograph, through which its camera may move."""


class Shot(Protocol):
    """A few consecutive frames of a scene."""

    def frame(self, time: int, window: Window | None = None) -> Tensor:
        """Linear light of a frame, (3, h, w) of the window or all of it, float32."""


@dataclass(frozen=True, slots=True)
class PanoramaShot:
    """A camera that turns and zooms in a panorama; velocities are radians a frame."""

    scene: Scene
    start: Pose
    velocity: Pose
    mirrored: bool

    def frame(self, time: int, window: Window | None = None) -> Tensor:
        """A frame, rendered."""
        pose = Pose(
            self.start.yaw + time * self.velocity.yaw,
            self.start.pitch + time * self.velocity.pitch,
            self.start.field_of_view + time * self.velocity.field_of_view,
        )
        if not self.mirrored:
            return panorama_view(self.scene, pose, VIEW_HEIGHT, VIEW_WIDTH, window)
        part = window or Window(0, 0, VIEW_HEIGHT, VIEW_WIDTH)
        other_side = Window(part.top, VIEW_WIDTH - part.left - part.width, part.height, part.width)
        return panorama_view(self.scene, pose, VIEW_HEIGHT, VIEW_WIDTH, other_side).flip(-1)


@dataclass(frozen=True, slots=True)
class PhotographShot:
    """A window that slides over a view of a photograph; the velocity is whole pixels a frame, down and right."""

    view: Tensor
    velocity: tuple[int, int]

    def frame(self, time: int, window: Window | None = None) -> Tensor:
        """A frame, cut out; the camera stops at the edge."""
        part = window or Window(0, 0, VIEW_HEIGHT, VIEW_WIDTH)
        top, left = (
            start + max(0, min(2 * _MARGIN, _MARGIN + time * speed))
            for start, speed in zip((part.top, part.left), self.velocity, strict=True)
        )
        return self.view[:, top : top + part.height, left : left + part.width]


def random_shot(scene: Scene, rng: np.random.Generator) -> Shot:
    """A shot somewhere in a scene, of a camera that turns slowly, or stands still in one of five."""
    moving = float(rng.random() >= _STILL)
    mirrored = bool(rng.random() < 0.5)
    if not scene.panorama:
        left, top, zoom = rng.uniform(0, 1, 3)
        size = VIEW_HEIGHT + 2 * _MARGIN, VIEW_WIDTH + 2 * _MARGIN
        view = photograph_view(scene, left, top, 0.3 + 0.7 * zoom, *size)
        velocity = int(moving * rng.integers(-1, 2)), int(moving * rng.integers(-5, 6))
        return PhotographShot(view.flip(-1) if mirrored else view, velocity)
    start = Pose(rng.uniform(-math.pi, math.pi), rng.normal(0, 0.3), math.radians(rng.uniform(35, 95)))
    yaw, pitch, zoom = moving * rng.uniform(-1, 1, 3) * (0.012, 0.003, 0.002)
    return PanoramaShot(scene, start, Pose(float(yaw), float(pitch), float(zoom)), mirrored)

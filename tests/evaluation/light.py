"""Small clips of light for tests, and where they are kept."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from tsexpand.codecs.exr import Compression, exr_attributes, finite_half, write_exr

WHITE = 203.0


def moving_light(frames: int = 6, height: int = 32, width: int = 48, seed: int = 0) -> Tensor:
    """A picture with highlights that moves a pixel a frame: (N, 3, H, W), half, 1 = reference white."""
    generator = torch.Generator().manual_seed(seed)
    scene = torch.rand(3, height, width + frames, generator=generator)
    scene = torch.nn.functional.avg_pool2d(scene, 3, stride=1, padding=1) ** 3 * 3
    scene[:, 5:11, 8:16] = 6.0
    return torch.stack([scene[:, :, i : i + width] for i in range(frames)]).half()


def unsteady(truth: Tensor, seed: int = 1) -> Tensor:
    """A prediction of it: noisy, of floating exposure, its highlights clipped."""
    generator = torch.Generator().manual_seed(seed)
    noise = 1 + 0.1 * torch.randn(truth.shape, generator=generator)
    exposure = 2 ** (0.3 * torch.randn(len(truth), 1, 1, 1, generator=generator) + 0.5)
    return (truth.float() * noise * exposure).clamp(0, 3).half()


def write_sequence(folder: Path, light: Tensor, **attributes: object) -> Path:
    """An EXR sequence as `tsexpand convert` writes them."""
    header: Mapping[str, object] = exr_attributes(Fraction(24), Fraction(1), WHITE, Fraction(0), {})
    folder.mkdir()
    for number, picture in enumerate(light, start=1):
        write_exr(
            folder / f"clip.{number}.exr", finite_half(picture.contiguous()), {**header, **attributes}, Compression.ZIP
        )
    return folder

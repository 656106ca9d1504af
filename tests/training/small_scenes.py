"""Scenes small enough for a test."""

from pathlib import Path

import torch

from tsexpand.codecs.exr import Compression, write_exr


def write_scenes(folder: Path) -> Path:
    """Two panoramas with a bright window, and a photograph."""
    generator = torch.Generator().manual_seed(7)
    for name, width in (("hall", 128), ("yard", 128), ("photograph", 80)):
        light = torch.rand(3, 64, width, generator=generator) * 0.5
        light[:, 20:30, 30:50] = 10 + 10 * torch.rand(3, 10, 20, generator=generator)
        write_exr(folder / f"{name}.exr", light.half(), {}, Compression.ZIP)
    return folder

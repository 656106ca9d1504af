"""A server, a client that does not really wait, and scenes small enough for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.datasets.server import PolyHaven
from tsexpand.codecs.exr import Compression, write_exr
from tsexpand.datasets.web import Client


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PolyHaven]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with PolyHaven() as server:
        yield server


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(waits: list[float]) -> Client:
    return Client(pause=0.0, sleep=waits.append)


def scene(seed: int = 0, width: int = 64, height: int = 32) -> Tensor:
    """Noise with a lamp of 1000 times its light."""
    light = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)) * 0.5 + 0.01
    light[:, 5, 7] = 500.0 + seed
    return light


def save(path: Path, light: Tensor) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_exr(path, light.half(), {}, Compression.ZIP)
    return path

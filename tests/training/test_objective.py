from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tsexpand.training.objective import objective
from tsexpand.training.options import Phase, Stability, TrainOptions
from tsexpand.training.samples import SampleBatch

OPTIONS = TrainOptions((Path("scenes"),), Path("w.pth"), 1, size=64)
STABLE = replace(OPTIONS, phase=Phase.SECOND, init=Path("first.pth"), stability=Stability.L1)
STILL = torch.eye(2, 3)[None]


def analytic(frames: Tensor, signal: Tensor) -> Tensor:
    """A network that adds nothing."""
    return torch.zeros_like(signal)


def batch(copy: Tensor | None) -> SampleBatch:
    signal = torch.full((1, 3, 64, 64), 0.5)
    motion = None if copy is None else STILL
    return SampleBatch(torch.full((1, 3, 256, 256), 0.5), signal, signal**2.4, motion, copy)


def test_stability_compares_with_the_copy_itself() -> None:
    same, other = (objective(STABLE, analytic, batch(torch.full((1, 3, 64, 64), level))) for level in (0.5, 0.6))
    alone = objective(OPTIONS, analytic, batch(None))
    assert float(same) == pytest.approx(0.6 * float(alone), rel=1e-4)  # 1 - α of the reconstruction, and no more
    assert float(other) > float(same) + 1


def test_a_stability_loss_needs_copies() -> None:
    with pytest.raises(ValueError, match="copies"):
        objective(STABLE, analytic, batch(None))
    with pytest.raises(ValueError, match="belong together"):
        replace(batch(None), motion=STILL)

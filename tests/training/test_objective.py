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


def analytic(frames: Tensor, signal: Tensor) -> Tensor:
    """A network that adds nothing."""
    return torch.zeros_like(signal)


def batch(after: float | None = None, light_after: float = 0.5) -> SampleBatch:
    """A grey sample, what is true of it after it, and what is shown; levels are signals."""
    signal = torch.full((1, 3, 64, 64), 0.5)
    sample = SampleBatch(torch.full((1, 3, 256, 256), 0.5), signal, signal**2.4)
    if after is None:
        return sample
    return replace(sample, after=torch.full_like(signal, after), light_after=torch.full_like(signal, light_after**2.4))


def test_a_change_that_is_true_costs_nothing_and_any_other_does() -> None:
    alone = float(objective(OPTIONS, analytic, batch()))
    shown = ((0.5, 0.5), (0.6, 0.6), (0.6, 0.5), (0.5, 0.6))
    still, true, false, missed = (float(objective(STABLE, analytic, batch(*levels))) for levels in shown)
    assert still == pytest.approx(0.6 * alone, abs=2e-3)  # 1 - α of the reconstruction, and no more
    assert true == pytest.approx(still, abs=2e-3)
    assert false > still + 1 and missed > still + 1


def test_unless_the_motion_is_followed_every_change_costs() -> None:
    fixed = replace(STABLE, follow_motion=False)
    still, true = (float(objective(fixed, analytic, batch(level, level))) for level in (0.5, 0.6))
    assert true > still + 1


def test_a_stability_loss_needs_what_comes_after() -> None:
    with pytest.raises(ValueError, match="what comes after"):
        objective(STABLE, analytic, batch())

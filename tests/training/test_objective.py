from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tsexpand.network.expandnet import HALO
from tsexpand.network.output import Parametrisation
from tsexpand.training.motion import moved
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
    return replace(
        sample,
        frames_after=sample.frames,
        after=torch.full_like(signal, after),
        light_after=torch.full_like(signal, light_after**2.4),
    )


def test_a_change_that_is_true_costs_nothing_and_any_other_does() -> None:
    alone = float(objective(OPTIONS, analytic, batch()))
    shown = ((0.5, 0.5), (0.6, 0.6), (0.6, 0.5), (0.5, 0.6))
    still, true, false, missed = (float(objective(STABLE, analytic, batch(*levels))) for levels in shown)
    assert still == pytest.approx(0.6 * alone, abs=2e-3)  # 1 - α of the reconstruction, and no more
    assert true == pytest.approx(still, abs=2e-3)
    assert false > still + 1 and missed > still + 1


def test_the_edges_of_a_part_cost_nothing() -> None:
    """Zeros from outside went into them, where a clip has pixels."""
    texture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.5
    sample = replace(batch(0.5), signal=texture, light=texture**2.4, after=texture, light_after=texture**2.4)
    wrong = texture.clone()
    wrong[..., :HALO, :] = wrong[..., -HALO:, :] = wrong[..., :, :HALO] = wrong[..., :, -HALO:] = 0.9
    right = objective(STABLE, analytic, sample)
    assert torch.equal(objective(STABLE, analytic, replace(sample, signal=wrong, after=wrong)), right)
    wrong[..., HALO, HALO] = 0.9
    assert objective(STABLE, analytic, replace(sample, signal=wrong, after=wrong)) > right


def test_each_frame_is_predicted_with_its_own_whole_frame() -> None:
    def by_frame(frames: Tensor, signal: Tensor) -> Tensor:
        return frames.mean((1, 2, 3), keepdim=True) + torch.zeros_like(signal)

    steady = batch(0.5)
    brighter = replace(steady, frames_after=steady.frames + 0.2)
    assert objective(STABLE, by_frame, brighter) > objective(STABLE, by_frame, steady) + 1


@pytest.mark.parametrize("options", [OPTIONS, STABLE])
def test_a_teacher_adds_how_far_its_light_is(options: TrainOptions) -> None:
    def brighter(frames: Tensor, signal: Tensor) -> Tensor:
        return torch.full_like(signal, 0.5)

    sample = batch(0.5)
    alone = float(objective(options, analytic, sample))
    agreeing, other = (float(objective(options, analytic, sample, teacher)) for teacher in (analytic, brighter))
    assert alone < agreeing < alone + 0.1  # by the floors
    assert other > agreeing + 1


def test_a_teacher_sees_the_frames_and_is_given_no_gradient() -> None:
    seen = []

    def teacher(frames: Tensor, signal: Tensor) -> Tensor:
        seen.append((float(frames.mean()), torch.is_grad_enabled()))
        return torch.zeros_like(signal)

    sample = batch(0.6)
    assert sample.frames_after is not None
    objective(STABLE, analytic, replace(sample, frames_after=sample.frames_after + 0.25), teacher)
    assert seen == [(0.5, False), (0.75, False)]


def _relative_batch() -> SampleBatch:
    """A textured sample, and the same moved by three pixels."""
    motion = torch.tensor([[[1.0, 0, 2], [0, 1, -1]]])
    picture = F.interpolate(
        torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(1)), (64, 64), mode="bicubic"
    )
    signal = picture.clamp(0.1, 0.9)
    frames = torch.full((1, 3, 256, 256), 0.5)
    return SampleBatch(frames, signal, signal, frames, moved(signal, motion), None, motion)


@pytest.mark.parametrize("kind", [kind for kind in Stability if kind is not Stability.NONE])
def test_the_relative_target_expects_the_moved_prediction_and_the_origin_the_unmoved(kind: Stability) -> None:
    relative = replace(STABLE, target=Parametrisation.RELATIVE, stability=kind)
    sample = _relative_batch()
    alone = objective(replace(relative, stability=Stability.NONE), torch_logit, sample)
    steady = objective(relative, torch_logit, sample) - (1 - relative.stability_share) * alone
    assert steady.abs() < 1e-5
    unmoved = replace(relative, follow_motion=False)
    assert objective(unmoved, torch_logit, sample) - (1 - unmoved.stability_share) * alone > 1e-4


def torch_logit(frames: Tensor, signal: Tensor) -> Tensor:
    """A network that shows what it sees."""
    return torch.logit(signal)


def test_a_stability_loss_needs_what_comes_after() -> None:
    with pytest.raises(ValueError, match="what comes after"):
        objective(STABLE, analytic, batch())

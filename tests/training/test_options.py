from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tsexpand.colour.ssim import WINDOW
from tsexpand.network.architectures import Architecture
from tsexpand.network.output import Parametrisation
from tsexpand.training.objective import objective
from tsexpand.training.options import SMALLEST_SIZE, Phase, Stability, TrainOptions, compared_size
from tsexpand.training.samples import SampleBatch

FIRST = TrainOptions((Path("scenes"),), Path("w.pth"), 4, size=40)
SECOND = replace(FIRST, phase=Phase.SECOND, init=Path("first.pth"))

RELATIVE = Parametrisation.RELATIVE


@pytest.mark.parametrize(
    ("options", "wrong", "message"),
    [
        (FIRST, {"size": 33}, "--size 33 is not an even number"),
        (FIRST, {"size": 30}, "--size 30 is not an even number from 32"),
        (FIRST, {"size": 264}, "--size 264 is not an even number from 32 to 262"),
        (FIRST, {"steps": 0}, "--steps 0 is too few; take 1 or more"),
        (FIRST, {"batch_size": -1}, "--batch-size -1 is too few"),
        (FIRST, {"validate_every": 0}, "--validate-every 0 is too few"),
        (FIRST, {"workers": 0}, "--workers 0 is too few"),
        (FIRST, {"phase": Phase.SECOND}, "needs --init"),
        (FIRST, {"stability": Stability.L1}, "belongs to --phase second"),
        (FIRST, {"alpha": 0.4}, "no --stability is chosen"),
        (FIRST, {"follow_motion": False}, "no --stability is chosen"),
        (SECOND, {"stability": Stability.L1, "follow_motion": False}, "is of --target relative"),
        (FIRST, {"target": RELATIVE, "network": Architecture.COMPACT, "size": 64}, "--network compact is of"),
        (FIRST, {"target": RELATIVE, "teacher": Path("t.pth")}, "--teacher is of"),
        (SECOND, {"stability": Stability.L1, "alpha": 1.0}, r"--alpha 1\.0 is not in"),
    ],
)
def test_options_that_contradict_themselves_are_refused(
    options: TrainOptions, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(options, **wrong)


def _loss(size: int, target: Parametrisation) -> torch.Tensor:
    """Of a sample of any size, with SSIM."""
    pixels, frames = torch.full((1, 3, size, size), 0.5), torch.full((1, 3, 256, 256), 0.5)
    motion = torch.eye(2, 3)[None] if target is Parametrisation.RELATIVE else None
    batch = SampleBatch(frames, pixels, pixels, frames, pixels, pixels if motion is None else None, motion)
    options = replace(SECOND, stability=Stability.SSIM, target=target, size=64)
    object.__setattr__(options, "size", size)  # past the check, which is what this is about
    return objective(options, lambda frames, signal: torch.zeros_like(signal), batch)


@pytest.mark.parametrize("target", list(Parametrisation))
@pytest.mark.parametrize("size", range(SMALLEST_SIZE, 50, 2))
def test_exactly_what_ssim_can_not_compare_is_refused(target: Parametrisation, size: int) -> None:
    if compared_size(size, target) >= WINDOW:
        assert replace(SECOND, stability=Stability.SSIM, target=target, size=size).size == size
        assert _loss(size, target).isfinite()
        return
    with pytest.raises(ValueError, match="smaller than the window"):
        _loss(size, target)
    with pytest.raises(ValueError, match=rf"--size {size} leaves (\d+)×\1 .* 11×11; take 36 or more"):
        replace(SECOND, stability=Stability.SSIM, target=target, size=size)


def test_only_the_smallest_samples_of_the_relative_target_are_refused() -> None:
    sizes = range(SMALLEST_SIZE, 50, 2)
    refused = {t: [size for size in sizes if compared_size(size, t) < WINDOW] for t in Parametrisation}
    assert refused == {Parametrisation.ABSOLUTE: [], Parametrisation.RELATIVE: [32, 34]}

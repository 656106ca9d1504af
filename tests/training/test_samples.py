from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from tsexpand.network.output import Parametrisation
from tsexpand.training.cameras import PanoramaShot, PhotographShot, random_shot
from tsexpand.training.motion import moved
from tsexpand.training.samples import LONGEST_CLIP, SampleBatch, joined, random_clip, sample_batch
from tsexpand.training.scenes import Pose, Scene, Window, load_scenes

BOTH = list(Parametrisation)


@pytest.fixture(scope="session")
def scenes(scene_folder: Path) -> tuple[Scene, ...]:
    return load_scenes([scene_folder]).scenes


@pytest.mark.parametrize("target", BOTH)
def test_a_sample_is_a_function_of_its_number(scenes: tuple[Scene, ...], target: Parametrisation) -> None:
    together = sample_batch(scenes, target, 3, range(5, 8), 40, stability=True)
    alone = joined([sample_batch(scenes, target, 3, range(n, n + 1), 40, stability=True) for n in (5, 6, 7)])
    assert len(together.tensors()) == 5
    assert all(map(torch.equal, together.tensors(), alone.tensors()))
    assert not torch.equal(together.signal[0], together.signal[1])


@pytest.mark.parametrize("target", BOTH)
def test_samples_are_sdr_and_light_of_the_same_picture(scenes: tuple[Scene, ...], target: Parametrisation) -> None:
    batch = sample_batch(scenes, target, 0, range(6), 48)
    assert batch.frames.shape == (6, 3, 256, 256) and batch.signal.shape == batch.light.shape == (6, 3, 48, 48)
    assert batch.motion is None and batch.copy is None
    assert batch.signal.min() >= 0 and batch.signal.max() <= 1
    assert batch.light.min() >= 0 and batch.light.isfinite().all()
    if target is Parametrisation.RELATIVE:
        assert batch.light.max() <= 1


def test_a_batch_is_pinned_as_a_batch(scenes: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's own function; pinning itself needs a GPU."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 1)
    batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 0, range(2), 40, stability=True)
    pinned = pin_memory(batch)
    assert isinstance(pinned, SampleBatch) and len(pinned.tensors()) == 5
    assert all(torch.equal(new, old + 1) for new, old in zip(pinned.tensors(), batch.tensors(), strict=True))


@pytest.mark.parametrize("target", BOTH)
def test_copies_leave_the_rest_of_a_sample_as_it_is(scenes: tuple[Scene, ...], target: Parametrisation) -> None:
    without = sample_batch(scenes, target, 1, range(6), 64)
    batch = sample_batch(scenes, target, 1, range(6), 64, stability=True)
    assert all(map(torch.equal, without.tensors(), batch.tensors()))


def test_copies_are_moved_and_have_noise_of_their_own(scenes: tuple[Scene, ...]) -> None:
    batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 1, range(6), 64, stability=True)
    assert batch.motion is not None and batch.copy is not None
    inner = (..., slice(8, -8), slice(8, -8))
    apart = (batch.copy - moved(batch.signal, batch.motion))[inner].abs().mean((1, 2, 3))
    unmoved = (batch.copy - batch.signal)[inner].abs().mean()
    assert apart.mean() < 0.6 * unmoved  # what is left is the damage, which both have and neither shares
    assert (apart > 1e-4).all()


def test_a_copy_is_the_moved_clip_with_noise_of_another_take(scenes: tuple[Scene, ...]) -> None:
    for number in range(50):
        rng = np.random.default_rng([1, number])
        scene = scenes[int(rng.integers(len(scenes)))]
        clip = random_clip(scene, int(rng.integers(1, LONGEST_CLIP + 1)), 64, rng)
        if clip.damage.noise > 0.004 and clip.damage.encoder is None:
            break
    batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 1, range(number, number + 1), 64, stability=True)
    assert batch.motion is not None and batch.copy is not None
    takes = [
        clip.damage.done_to(moved(clip.clean, batch.motion.expand(len(clip.clean), 2, 3)), take)[clip.time]
        for take in (0, 1)
    ]
    assert torch.equal(batch.copy[0], takes[1]) and not torch.equal(batch.copy[0], takes[0])


def test_relative_copies_are_the_moved_picture_as_published(scenes: tuple[Scene, ...]) -> None:
    batch = sample_batch(scenes, Parametrisation.RELATIVE, 1, range(2), 64, stability=True)
    assert batch.motion is not None and batch.copy is not None
    assert torch.equal(batch.copy[:1], moved(batch.signal[:1], batch.motion[:1]))


def test_below_the_knee_the_sdr_picture_shows_the_truth(scenes: tuple[Scene, ...]) -> None:
    """But for what the encoder did: an error that is small on average and has no direction."""
    errors = []
    for seed in range(6):
        clip = random_clip(scenes[0], 2, 64, np.random.default_rng(seed))
        dim = (clip.light > 0.02) & (clip.light < 0.3)
        errors += ((clip.signal**2.4)[dim] / clip.light[dim]).log2().median(dim=0, keepdim=True).values.tolist()
    assert abs(float(np.median(errors))) < 0.1


def test_the_frames_of_a_moving_camera_move_and_of_a_still_one_do_not(scenes: tuple[Scene, ...]) -> None:
    still = PanoramaShot(scenes[0], Pose(0.2, 0.0, 1.0), Pose(0.0, 0.0, 0.0), False)
    moving = PanoramaShot(scenes[0], Pose(0.2, 0.0, 1.0), Pose(0.01, 0.0, 0.0), False)
    assert torch.equal(still.frame(0), still.frame(3))
    assert not torch.equal(moving.frame(0), moving.frame(3))


def test_a_mirrored_window_is_a_window_of_the_mirrored_frame(scenes: tuple[Scene, ...]) -> None:
    shot = PanoramaShot(scenes[0], Pose(0.2, 0.0, 1.0), Pose(0.01, 0.0, 0.0), True)
    part = shot.frame(2, Window(30, 50, 40, 60))
    assert torch.allclose(part, shot.frame(2)[:, 30:70, 50:110], atol=1e-3)


def test_a_photograph_slides_by_whole_pixels_and_stops_at_its_edge() -> None:
    view = torch.arange(334.0).view(1, 334, 1).expand(3, 334, 544)
    shot = PhotographShot(view, (1, -5))
    assert shot.frame(0)[0, 0, 0] == 32 and shot.frame(4)[0, 0, 0] == 36
    assert shot.frame(1000).shape == (3, 270, 480) and shot.frame(1000)[0, 0, 0] == 64


def test_random_shots_are_of_their_seed(scenes: tuple[Scene, ...]) -> None:
    first, again = (random_shot(scenes[1], np.random.default_rng(4)).frame(2) for _ in range(2))
    assert torch.equal(first, again)

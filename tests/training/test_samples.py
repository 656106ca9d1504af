from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from tsexpand.colour.codes import ChromaSampling
from tsexpand.network.output import Parametrisation
from tsexpand.training.cameras import PanoramaShot, PhotographShot, random_shot
from tsexpand.training.damage import Damage
from tsexpand.training.motion import moved
from tsexpand.training.samples import GRID, LONGEST_CLIP, TITLED, SampleBatch, joined, random_clip, sample_batch
from tsexpand.training.scenes import Pose, Scene, Window, load_scenes
from tsexpand.training.titles import Overlay, random_titles

BOTH = list(Parametrisation)


@pytest.fixture(scope="session")
def scenes(scene_folder: Path) -> tuple[Scene, ...]:
    return load_scenes([scene_folder]).scenes


@pytest.mark.parametrize("target", BOTH)
def test_a_sample_is_a_function_of_its_number(scenes: tuple[Scene, ...], target: Parametrisation) -> None:
    together = sample_batch(scenes, target, 3, range(5, 8), 40, stability=True)
    alone = joined([sample_batch(scenes, target, 3, range(n, n + 1), 40, stability=True) for n in (5, 6, 7)])
    assert len(together.tensors()) == 6
    assert all(torch.equal(value, alone.tensors()[name]) for name, value in together.tensors().items())
    assert not torch.equal(together.signal[0], together.signal[1])


@pytest.mark.parametrize("target", BOTH)
def test_samples_are_sdr_and_light_of_the_same_picture(scenes: tuple[Scene, ...], target: Parametrisation) -> None:
    batch = sample_batch(scenes, target, 0, range(6), 48)
    assert batch.frames.shape == (6, 3, 256, 256) and batch.signal.shape == batch.light.shape == (6, 3, 48, 48)
    assert batch.tensors().keys() == {"frames", "signal", "light"}
    assert batch.signal.min() >= 0 and batch.signal.max() <= 1
    assert batch.light.min() >= 0 and batch.light.isfinite().all()
    if target is Parametrisation.RELATIVE:
        assert batch.light.max() <= 1


def test_a_batch_is_pinned_as_a_batch(scenes: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's own function; pinning itself needs a GPU."""
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 1)
    batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 0, range(2), 40, stability=True)
    pinned = pin_memory(batch)
    assert isinstance(pinned, SampleBatch) and len(pinned.tensors()) == 6
    assert all(torch.equal(value, batch.tensors()[name] + 1) for name, value in pinned.tensors().items())


def test_what_comes_after_is_the_next_frame_of_the_clip(
    scenes: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsexpand.training.samples.TITLED", 0.0)  # a ground of their own would hide the scene
    batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 4, range(12), 64, stability=True)
    assert batch.after is not None and batch.light_after is not None and batch.motion is None
    changed = (batch.light_after - batch.light).abs().amax((1, 2, 3))
    assert (changed > 0).any() and (changed == 0).any()  # moving and still cameras
    for light, signal in ((batch.light, batch.signal), (batch.light_after, batch.after)):
        dim = (light > 0.02) & (light < 0.3)
        assert abs(float(((signal**2.4)[dim] / light[dim]).log2().median())) < 0.1
    assert batch.frames_after is not None
    seen = (batch.frames_after - batch.frames).abs().amax((1, 2, 3))
    assert torch.equal(seen > 0, changed > 0)
    still = changed == 0
    assert not torch.equal(batch.after[still], batch.signal[still])  # noise and encoder are not


def test_a_sample_is_two_neighbours_in_a_clip_anywhere_in_the_grid(scenes: tuple[Scene, ...]) -> None:
    places = set()
    for number in range(12):
        batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 2, range(number, number + 1), 64, stability=True)
        rng = np.random.default_rng([2, number])
        scene = scenes[int(rng.integers(len(scenes)))]
        count = max(2, int(rng.integers(1, LONGEST_CLIP + 1)))
        clip = random_clip(scene, count, 64 + GRID, rng, with_next=True, titled=rng.random() < TITLED)
        top, left = rng.integers(GRID, size=2)
        places |= {(top % 2, left % 2)}
        part = (..., slice(top, top + 64), slice(left, left + 64))
        assert torch.equal(batch.signal[0], clip.signal[clip.time][part])
        assert torch.equal(batch.light[0], clip.light[clip.time][part])
        assert batch.after is not None and torch.equal(batch.after[0], clip.signal[clip.time + 1][part])
        assert batch.light_after is not None and torch.equal(batch.light_after[0], clip.light[clip.time + 1][part])
    assert len(places) == 4  # where chroma of 4:2:0 may lie


def test_relative_signals_are_moved_as_published(scenes: tuple[Scene, ...]) -> None:
    without = sample_batch(scenes, Parametrisation.RELATIVE, 1, range(2), 64)
    batch = sample_batch(scenes, Parametrisation.RELATIVE, 1, range(2), 64, stability=True)
    assert batch.motion is not None and batch.after is not None and batch.light_after is None
    inner = (..., slice(8, -8), slice(8, -8))  # further out the part's own edge would be repeated
    torch.testing.assert_close(batch.after[inner], moved(batch.signal, batch.motion)[inner], atol=1e-4, rtol=0)
    assert batch.frames_after is not None and not torch.equal(batch.frames_after, batch.frames)
    assert torch.equal(batch.signal, without.signal) and torch.equal(batch.light, without.light)


def test_after_comes_with_its_light_or_its_motion(scenes: tuple[Scene, ...]) -> None:
    batch = sample_batch(scenes, Parametrisation.ABSOLUTE, 0, range(1), 40, stability=True)
    for wrong in (
        {"light_after": None},
        {"frames_after": None},
        {"after": None},
        {"motion": torch.eye(2, 3)[None]},
        {"after": None, "motion": torch.eye(2, 3)[None]},
    ):
        with pytest.raises(ValueError, match="comes with"):
            replace(batch, **wrong)


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


def test_some_clips_of_full_chroma_have_fine_colour(scenes: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn upon the light, so that the truth has it too, and still while the camera moves."""
    clips = {}
    for sampling in (ChromaSampling.FULL, ChromaSampling.HALF_BOTH):
        damage = Damage(0.0, 0, False, None, sampling=sampling)
        monkeypatch.setattr("tsexpand.training.samples.random_damage", lambda rng, damage=damage: damage)
        clips[sampling] = [random_clip(scenes[0], 2, 64, np.random.default_rng(seed)) for seed in range(12)]
    changed = 0
    for full, halved in zip(*clips.values(), strict=True):
        share = (full.light / halved.light).nan_to_num(1.0)
        if (share < 0.99).any():
            changed += 1
            assert share.max() < 1.001
            below = (full.light > 0.02) & (full.light < 0.3)
            assert ((full.signal**2.4)[below] / full.light[below]).log2().abs().median() < 0.1
    assert 3 <= changed <= 9


def test_titles_lie_still_over_the_scene_in_signal_light_and_whole_frame(
    scenes: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Damage(0.0, 0, False, None, sampling=ChromaSampling.FULL)
    monkeypatch.setattr("tsexpand.training.samples.random_damage", lambda rng: clean)
    down, across = torch.linspace(0.2, 0.9, 270), torch.linspace(0.1, 0.8, 480)
    added = torch.stack([down[:, None].expand(-1, 480), across.expand(270, -1), torch.ones(270, 480)])
    through = torch.ones(1, 270, 480)
    through[:, ::2] = 0  # every other row is drawn upon, each pixel in a colour of its own
    drawn, windows = Overlay(added * (1 - through), through), []

    def titles(height: int, width: int, window: Window, rng: np.random.Generator) -> Overlay:
        windows.append(window)
        return drawn

    monkeypatch.setattr("tsexpand.training.samples.random_titles", titles)
    for seed in range(6):
        without, titled = (
            random_clip(scenes[0], 3, 64, np.random.default_rng(seed), with_next=True, titled=titled)
            for titled in (False, True)
        )
        assert titled.time == without.time and len(windows) == seed + 1
        window = windows[-1]
        part = (..., slice(window.top, window.top + 64), slice(window.left, window.left + 64))
        upon = (through == 0)[part].expand_as(titled.light)
        expected = added[part].expand_as(titled.light)
        assert torch.allclose(titled.light[upon], expected[upon] ** 2.4, atol=1e-6)
        assert torch.allclose(titled.signal[upon], expected[upon], atol=0.02)
        assert torch.equal(titled.light[~upon], without.light[~upon])
        assert torch.equal(titled.frames[:, :, 1::2], without.frames[:, :, 1::2])
        assert torch.equal(titled.frames[:, :, ::2], added[:, ::2].expand(2, -1, -1, -1))


def test_some_of_the_samples_are_titled(scenes: tuple[Scene, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[Window] = []

    def counted(height: int, width: int, window: Window, rng: np.random.Generator) -> Overlay:
        windows.append(window)
        return random_titles(height, width, window, rng)

    monkeypatch.setattr("tsexpand.training.samples.random_titles", counted)
    sample_batch(scenes, Parametrisation.ABSOLUTE, 6, range(60), 40)
    assert 2 <= len(windows) <= 10
    assert {(window.height, window.width) for window in windows} == {(40 + GRID, 40 + GRID)}


def test_a_photograph_slides_by_whole_pixels_and_stops_at_its_edge() -> None:
    view = torch.arange(334.0).view(1, 334, 1).expand(3, 334, 544)
    shot = PhotographShot(view, (1, -5))
    assert shot.frame(0)[0, 0, 0] == 32 and shot.frame(4)[0, 0, 0] == 36
    assert shot.frame(1000).shape == (3, 270, 480) and shot.frame(1000)[0, 0, 0] == 64


def test_random_shots_are_of_their_seed(scenes: tuple[Scene, ...]) -> None:
    first, again = (random_shot(scenes[1], np.random.default_rng(4)).frame(2) for _ in range(2))
    assert torch.equal(first, again)

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tsexpand.errors import InputError, OutputError
from tsexpand.network.output import REFERENCE_WHITE, absolute_pq
from tsexpand.training import loop
from tsexpand.training.loop import Progress, Trainer, TrainOptions, learning_rate, train
from tsexpand.training.loss import reconstruction_loss
from tsexpand.training.samples import sample_batch
from tsexpand.training.scenes import load_scenes


@pytest.fixture
def options(scene_folder: Path, tmp_path: Path) -> TrainOptions:
    return TrainOptions(scene_folder, tmp_path / "checkpoint", steps=4, batch_size=1, size=32, warmup_steps=2)


def stop_after(steps: int) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if progress.step == steps:
            raise KeyboardInterrupt

    return on_progress


def test_a_sample_is_a_function_of_its_number(scene_folder: Path) -> None:
    scenes = load_scenes(scene_folder)
    first, again, other = (sample_batch(scenes, 3, step, 2, 32) for step in (5, 5, 6))
    assert torch.equal(first.signal, again.signal) and torch.equal(first.light, again.light)
    assert not torch.equal(first.signal, other.signal)


def test_samples_are_sdr_and_light_of_the_same_picture(scene_folder: Path) -> None:
    batch = sample_batch(load_scenes(scene_folder), 0, 0, 4, 32)
    assert batch.frames.shape == (4, 3, 256, 256) and batch.signal.shape == batch.light.shape == (4, 3, 32, 32)
    assert batch.signal.min() >= 0 and batch.signal.max() <= 1
    assert batch.light.min() >= 0 and batch.light.isfinite().all()


def test_the_first_network_shows_the_sdr_picture() -> None:
    network = loop.initial_network(0)
    signal = torch.rand(1, 3, 16, 16)
    light = absolute_pq(network(signal), signal)
    expected = loop.pq_inverse_eotf(REFERENCE_WHITE * signal**2.4)
    assert torch.allclose(light, expected, atol=1e-6)


def test_the_loss_has_its_known_values() -> None:
    truth = torch.full((1, 3, 2, 2), 0.5)
    assert reconstruction_loss(truth, truth).item() == pytest.approx(0, abs=1e-6)
    assert reconstruction_loss(truth + 0.1, truth).item() == pytest.approx(0.1 + 15 * 0.01, abs=1e-6)


def test_the_learning_rate_warms_up_and_falls(options: TrainOptions) -> None:
    options = replace(options, steps=1000, warmup_steps=100)
    rates = [learning_rate(options, step) for step in range(1000)]
    assert max(rates) == pytest.approx(options.learning_rate)
    assert rates[0] == pytest.approx(options.learning_rate / 100)
    assert rates[-1] == pytest.approx(options.learning_rate * 0.01, rel=0.01)


def test_an_interrupted_training_ends_with_the_same_weights(options: TrainOptions, tmp_path: Path) -> None:
    whole = train(options)
    parts = replace(options, output=tmp_path / "parts", checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(parts, stop_after(3))
    assert parts.output.exists()
    resumed = train(parts)
    assert resumed.step == whole.step == 4
    assert all(torch.equal(resumed.average[name], value) for name, value in whole.average.items())
    assert all(torch.equal(resumed.network.state_dict()[k], v) for k, v in whole.network.state_dict().items())


def test_training_moves_the_weights(options: TrainOptions) -> None:
    before = Trainer(options).network.state_dict()
    after = train(options).network.state_dict()
    assert not torch.equal(before["end_net.1.weight"], after["end_net.1.weight"])


def test_a_checkpoint_of_other_options_is_refused(options: TrainOptions) -> None:
    train(replace(options, steps=1))
    with pytest.raises(InputError, match=r"other options.*steps"):
        train(options)


def test_a_damaged_checkpoint_is_refused(options: TrainOptions) -> None:
    options.output.write_bytes(b"garbage")
    with pytest.raises(InputError, match="not a checkpoint"):
        train(options)


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(
    options: TrainOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(options)
    trainer.save()
    before = options.output.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.torch, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        trainer.save()
    assert options.output.read_bytes() == before
    assert not list(options.output.parent.glob("*.part"))

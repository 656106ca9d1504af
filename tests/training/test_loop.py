import gc
import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.small_scenes import write_scenes
from tsexpand.colour.transfer import pq_inverse_eotf
from tsexpand.engines.devices import Precision
from tsexpand.errors import DeviceError, InputError, TsexpandError, WeightsError
from tsexpand.network.architectures import Architecture
from tsexpand.network.output import REFERENCE_WHITE, Parametrisation, absolute_pq
from tsexpand.network.weights import load_weights
from tsexpand.training import loading, loop
from tsexpand.training import trainer as trainer_module
from tsexpand.training.distributed import process_group
from tsexpand.training.interruption import TrainingInterrupted
from tsexpand.training.loading import Share, lost_workers_named, step_batches
from tsexpand.training.loop import Data, Hooks, Progress, analytic_scores, load_data, train
from tsexpand.training.options import Phase, Stability, TrainOptions
from tsexpand.training.publish import publish
from tsexpand.training.trainer import RATES, Trainer, initial_network, learning_rate

CPU = torch.device("cpu")


@pytest.fixture
def options(scene_folder: Path, tmp_path: Path) -> TrainOptions:
    return TrainOptions(
        (scene_folder,), tmp_path / "weights.pth", 4, batch_size=2, size=40, warmup_steps=2, device="cpu"
    )


@pytest.fixture(scope="session")
def data(scene_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Data:
    data = load_data(TrainOptions((scene_folder,), tmp_path_factory.mktemp("data") / "w.pth", 1))
    part = (..., slice(100, 148), slice(200, 264))  # whole frames would take seconds a validation
    return replace(data, clips=[replace(clip, signal=clip.signal[part], light=clip.light[part]) for clip in data.clips])


def stop_after(steps: int) -> Callable[[Progress], None]:
    def on_progress(progress: Progress) -> None:
        if progress.step == steps:
            raise KeyboardInterrupt

    return on_progress


def weights_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {f"{kind}.{k}": v for kind in ("network", "best") for k, v in _state(trainer, kind).items()}


def _state(trainer: Trainer, kind: str) -> dict[str, torch.Tensor]:
    return trainer.network.state_dict() if kind == "network" else trainer.kept.weights


def test_the_first_network_shows_the_sdr_picture(options: TrainOptions) -> None:
    network = initial_network(options)
    signal = torch.rand(1, 3, 16, 16)
    expected = pq_inverse_eotf(REFERENCE_WHITE * signal**2.4)
    assert torch.allclose(absolute_pq(network(signal), signal), expected, atol=1e-5)


def test_the_first_compact_network_shows_the_sdr_picture_too(options: TrainOptions) -> None:
    network = initial_network(replace(options, network=Architecture.COMPACT, size=64))
    signal = torch.rand(1, 3, 16, 16)
    expected = pq_inverse_eotf(REFERENCE_WHITE * signal**2.4)
    assert torch.allclose(absolute_pq(network(signal), signal), expected, atol=1e-5)


def test_the_compact_network_learns_from_a_teacher(options: TrainOptions, data: Data, tmp_path: Path) -> None:
    publish(train(replace(options, steps=1), data), data)
    taught = replace(
        options, output=tmp_path / "fast.pth", network=Architecture.COMPACT, teacher=options.output, size=64,
        validate_every=2, checkpoint_seconds=0.0, phase=Phase.FIRST,
    )  # fmt: skip
    whole = train(taught, data)
    publish(whole, data)
    fast, teacher = load_weights(str(taught.output)), load_weights(str(options.output))
    assert Architecture.of(fast.network) is Architecture.COMPACT
    assert fast.metadata["options"]["teacher_sha256"] == teacher.sha256  # type: ignore[index]
    begun = initial_network(taught)
    assert all(torch.equal(t, begun.glob_net.state_dict()[k]) for k, t in teacher.network.glob_net.state_dict().items())
    alone = train(replace(taught, output=tmp_path / "alone.pth", teacher=None), data)
    assert not torch.equal(alone.network.last.weight, whole.network.last.weight)  # the teacher made a difference
    tuned = replace(taught, output=tmp_path / "tuned.pth", steps=1, phase=Phase.SECOND, init=taught.output)
    assert train(replace(tuned, stability=Stability.L1), data).step == 1
    parts = replace(taught, output=tmp_path / "parts.pth")
    with pytest.raises(KeyboardInterrupt):
        train(parts, data, Hooks(stop_after(2)))
    resumed, expected = weights_of(train(parts, data)), weights_of(whole)
    assert all(torch.equal(value, expected[name]) for name, value in resumed.items())


@pytest.mark.parametrize("network", Architecture)
@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16, Precision.FLOAT16])
def test_each_network_learns_in_each_precision(
    options: TrainOptions, data: Data, network: Architecture, precision: Precision
) -> None:
    options = replace(options, network=network, precision=precision, size=64, steps=1)
    trainer = Trainer(options, CPU, Share(), {})
    (batch,) = step_batches(data.scenes, options, Share(), 0, CPU)
    assert math.isfinite(trainer.update(batch))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("network", Architecture)
def test_each_network_learns_compiled(options: TrainOptions, data: Data, network: Architecture) -> None:
    options = replace(options, network=network, size=64, steps=1)
    (batch,) = step_batches(data.scenes, options, Share(), 0, CPU)
    losses = [Trainer(replace(options, compile=c), CPU, Share(), {}).update(batch) for c in (False, True)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_checkpoint_of_other_samples_is_refused(options: TrainOptions, data: Data) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(replace(options, validate_every=2, checkpoint_seconds=0.0), data, Hooks(stop_after(2)))
    state = torch.load(options.checkpoint, weights_only=True)
    state["options"]["objective"] -= 1
    torch.save(state, options.checkpoint)
    with pytest.raises(InputError, match="of a training with the losses or samples of another version; delete it"):
        train(replace(options, validate_every=2, checkpoint_seconds=0.0), data)


def test_weights_of_another_network_are_neither_a_beginning_nor_a_teacher(
    options: TrainOptions, data: Data, tmp_path: Path
) -> None:
    compact = replace(options, network=Architecture.COMPACT, steps=1, size=64)
    publish(train(compact, data), data)
    with pytest.raises(WeightsError, match="weights of --network compact, not expandnet"):
        initial_network(replace(options, init=options.output))
    with pytest.raises(WeightsError, match="weights of --network compact, not expandnet"):
        initial_network(replace(options, teacher=options.output))


def test_the_learning_rate_warms_up_and_falls(options: TrainOptions) -> None:
    options = replace(options, steps=1000, warmup_steps=100)
    rates = [learning_rate(options, step) for step in range(1000)]
    assert max(rates) == pytest.approx(options.learning_rate)
    assert rates[0] == pytest.approx(options.learning_rate / 100)
    assert rates[-1] == pytest.approx(options.learning_rate * 0.01, rel=0.01)


def test_scenes_of_both_roles_share_the_memory(
    options: TrainOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(loop, "room_for_scenes", lambda processes: 300_000 // processes)  # each folder: 141 312 bytes
    (tmp_path / "validation").mkdir()
    both = replace(options, validation=write_scenes(tmp_path / "validation"))
    with pytest.raises(InputError, match=r"validation: 1 of 3 scenes take more"):
        load_data(both)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_training_ends_with_the_same_weights(
    options: TrainOptions, data: Data, tmp_path: Path, workers: int
) -> None:
    options = replace(options, validate_every=3)
    whole = train(options, data)
    parts = replace(options, output=tmp_path / "parts.pth", checkpoint_seconds=0.0, workers=workers)
    with pytest.raises(KeyboardInterrupt):
        train(parts, data, Hooks(stop_after(3)))
    assert parts.checkpoint.exists()
    resumed = train(parts, data)
    assert resumed.step == whole.step == 4
    expected = weights_of(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights_of(resumed).items())


@pytest.mark.skipif(sys.platform != "linux", reason="processes are not forked elsewhere")
def test_garbage_of_the_parent_is_left_to_it(
    options: TrainOptions, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Codec:
        def __del__(self) -> None:
            (tmp_path / f"of {os.getpid()}").touch()

    def sample_batch(*arguments: object) -> Any:
        gc.collect()
        return made(*arguments)

    made = loading.sample_batch
    monkeypatch.setattr(loading, "sample_batch", sample_batch)  # in the fork, too
    gc.disable()
    try:
        codec = Codec()
        codec.itself = codec  # type: ignore[attr-defined]
        del codec
        assert len(list(step_batches(data.scenes, replace(options, workers=1), Share(), 3, CPU))) == 1
        assert not list(tmp_path.glob("of *"))
        gc.collect()
    finally:
        gc.enable()
    assert [path.name for path in tmp_path.glob("of *")] == [f"of {os.getpid()}"]


def test_an_interrupted_second_phase_ends_with_the_same_weights(
    options: TrainOptions, data: Data, tmp_path: Path
) -> None:
    publish(train(replace(options, steps=1), data), data)
    stable = replace(
        options, output=tmp_path / "stable.pth", phase=Phase.SECOND, init=options.output, stability=Stability.L1,
        validate_every=3, checkpoint_seconds=0.0,
    )  # fmt: skip
    whole = train(stable, data)
    parts = replace(stable, output=tmp_path / "parts.pth")
    with pytest.raises(KeyboardInterrupt):
        train(parts, data, Hooks(stop_after(3)))
    resumed_from: list[int] = []
    resumed = train(parts, data, Hooks(on_resume=resumed_from.append))
    assert resumed_from == [2] and resumed.step == whole.step == 4
    expected = weights_of(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights_of(resumed).items())


def test_a_killed_training_ends_with_the_same_weights(options: TrainOptions, data: Data, tmp_path: Path) -> None:
    """By SIGKILL, in another process, which can't tidy up: as when memory runs out."""
    options = replace(options, checkpoint_seconds=0.0, steps=3)
    whole = train(options, data)
    killed = replace(options, output=tmp_path / "killed.pth")
    script = (
        "import os, signal, sys; from pathlib import Path; from tsexpand.training import loop, trainer\n"
        "from tsexpand.training.options import TrainOptions\n"
        "save = trainer.Trainer.save\n"
        "def save_and_die(self, path):\n"
        "    save(self, path)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "trainer.Trainer.save = save_and_die\n"
        "options = TrainOptions((Path(sys.argv[1]),), Path(sys.argv[2]), 3, batch_size=2, size=40, warmup_steps=2,\n"
        "                       device='cpu', checkpoint_seconds=0.0)\n"
        "loop.train(options, loop.load_data(options))\n"
    )
    command = [sys.executable, "-c", script, str(options.data[0]), str(killed.output)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert torch.load(killed.checkpoint, weights_only=True)["step"] == 1
    resumed = train(killed, data)
    expected = weights_of(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights_of(resumed).items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_a_step_and_nothing_is_lost(
    options: TrainOptions, data: Data, tmp_path: Path, number: signal.Signals
) -> None:
    options = replace(options, validate_every=3, steps=5)
    whole = train(options, data)
    stopped = replace(options, output=tmp_path / "stopped.pth")
    before = signal.getsignal(number)

    def send(progress: Progress) -> None:
        os.kill(os.getpid(), number)

    with pytest.raises(TrainingInterrupted) as interruption:
        train(stopped, data, Hooks(send))
    assert interruption.value.step == 4 and signal.getsignal(number) is before
    resumed_from: list[int] = []
    resumed = train(stopped, data, Hooks(on_resume=resumed_from.append))
    assert resumed_from == [4]
    expected = weights_of(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights_of(resumed).items())


def unheard(*_: object) -> None:
    raise BrokenPipeError(32, "Broken pipe")


def test_a_signal_while_validating_loses_nothing_though_nobody_listens_any_more(
    options: TrainOptions, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends `tee` too; the step was validated, as the training that goes on after it does not."""
    options = replace(options, validate_every=3)
    whole = train(options, data)
    validate = loop.validate

    def interrupted(*arguments: Any) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return validate(*arguments)

    stopped = replace(options, output=tmp_path / "stopped.pth")
    monkeypatch.setattr(loop, "validate", interrupted)
    with pytest.raises(TrainingInterrupted, match="after step 3"):
        train(stopped, data, Hooks(on_progress=unheard, on_signal=unheard))
    monkeypatch.setattr(loop, "validate", validate)
    resumed = train(stopped, data)
    assert [json.loads(line)["step"] for line in stopped.log.read_text().splitlines()] == [3, 4]
    expected = weights_of(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights_of(resumed).items())


def test_a_signal_while_telling_loses_nothing_either(options: TrainOptions, data: Data) -> None:
    def interrupted(progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        unheard()

    with pytest.raises(TrainingInterrupted, match="after step 4"):
        train(replace(options, validate_every=3), data, Hooks(on_progress=interrupted))
    with pytest.raises(BrokenPipeError):
        train(replace(options, output=options.output.with_name("heard.pth")), data, Hooks(on_progress=unheard))


def test_processes_that_make_samples_stay_while_the_training_validates(
    options: TrainOptions, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM reaches them too; torch would raise in the main thread if one ended."""
    monkeypatch.setattr("tsexpand.training.interruption.GRACE", 0.2)
    validate = loop.validate

    def terminated(*arguments: Any) -> object:
        workers = multiprocessing.active_children()
        assert workers
        for pid in (os.getpid(), *(worker.pid for worker in workers)):
            os.kill(pid or 0, signal.SIGTERM)
        time.sleep(1)
        return validate(*arguments)

    monkeypatch.setattr(loop, "validate", terminated)
    with pytest.raises(TrainingInterrupted, match="after step 3"):
        train(replace(options, validate_every=3), data)


def test_what_does_not_fit_is_refused_before_scenes_are_read(options: TrainOptions, data: Data) -> None:
    train(replace(options, steps=1), data)
    with pytest.raises(InputError, match=r"of a training with --steps 1, not 4; delete it"):
        loop.check(options)
    loop.check(replace(options, steps=1))
    with pytest.raises(DeviceError):
        loop.check(replace(options, device="cuda:77"))


def test_what_is_published_loads_and_says_how_it_came_about(options: TrainOptions, data: Data) -> None:
    trainer = train(options, data)
    publish(trainer, data)
    weights = load_weights(str(options.output))
    assert weights.parametrisation is Parametrisation.ABSOLUTE
    assert weights.metadata["published_step"] == weights.metadata["trained_steps"] == 4
    assert set(weights.metadata["validation"]) >= {"pu4000", "flicker"}
    assert weights.metadata["options"]["data_sha256"] == data.sha256
    with pytest.raises(WeightsError, match="a checkpoint of a training"):
        load_weights(str(options.checkpoint))
    state = weights.network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in trainer.kept.weights.items())


@pytest.mark.parametrize("stability", list(Stability))
def test_the_second_phase_tunes_given_weights(options: TrainOptions, data: Data, stability: Stability) -> None:
    publish(train(options, data), data)
    second = replace(
        options, output=options.output.with_name("second.pth"), phase=Phase.SECOND, init=options.output,
        stability=stability, steps=1, size=48,
    )  # fmt: skip
    before = load_weights(str(options.output)).network.state_dict()
    after = train(second, data).network.state_dict()
    moved = max(float((after[name] - value).abs().max()) for name, value in before.items())
    assert 0 < moved <= RATES["muon"] * 1.5 * learning_rate(second, 0)  # one step from the given weights


@pytest.mark.parametrize("stability", list(Stability))
def test_a_relative_target_trains(options: TrainOptions, data: Data, stability: Stability) -> None:
    relative = replace(options, target=Parametrisation.RELATIVE, steps=2)
    trainer = train(relative, data)
    publish(trainer, data)
    assert load_weights(str(relative.output)).parametrisation is Parametrisation.RELATIVE
    second = replace(
        relative, output=options.output.with_name("second.pth"), phase=Phase.SECOND, init=options.output,
        stability=stability, size=48,
    )  # fmt: skip
    assert train(second, data).step == 2


def test_weights_for_another_target_are_refused(options: TrainOptions, data: Data) -> None:
    publish(train(options, data), data)
    other = replace(options, output=options.output.with_name("other.pth"), init=options.output)
    with pytest.raises(WeightsError, match="absolute, not relative"):
        train(replace(other, target=Parametrisation.RELATIVE), data)


def test_a_checkpoint_of_other_options_is_refused(options: TrainOptions, data: Data) -> None:
    train(replace(options, steps=1), data)
    with pytest.raises(InputError, match=r"of a training with --steps 1, not 4; delete it"):
        train(options, data)


def test_a_checkpoint_of_other_scenes_is_refused(options: TrainOptions, data: Data) -> None:
    train(options, data)
    with pytest.raises(InputError, match="other scenes"):
        train(options, replace(data, sha256="0" * 64))


def test_what_comes_after_is_made_only_for_a_stability_loss(options: TrainOptions, data: Data) -> None:
    stable = replace(options, phase=Phase.SECOND, init=Path("w.pth"), stability=Stability.L1)
    for chosen, number in ((options, 3), (stable, 6)):
        assert len(next(step_batches(data.scenes, chosen, Share(), 0, CPU)).tensors()) == number


def test_batches_are_the_same_for_any_workers_and_shares(options: TrainOptions, data: Data) -> None:
    whole = list(step_batches(data.scenes, options, Share(), 2, CPU))
    assert len(whole) == 2
    made = list(step_batches(data.scenes, replace(options, workers=2), Share(), 2, CPU))
    for one, other in zip(whole, made, strict=True):
        assert torch.equal(one.signal, other.signal) and torch.equal(one.frames, other.frames)
    shares = [list(step_batches(data.scenes, options, Share(rank, 2), 2, CPU)) for rank in range(2)]
    assert torch.equal(torch.cat([shares[0][1].signal, shares[1][1].signal]), whole[1].signal)


@pytest.mark.parametrize(("device", "pinned"), [("cpu", False), ("cuda:1", True)])
def test_memory_is_pinned_for_cuda_only(
    options: TrainOptions, data: Data, monkeypatch: pytest.MonkeyPatch, device: str, pinned: bool
) -> None:
    asked: dict[str, object] = {}

    def loader(batches: object, **arguments: object) -> list[object]:
        asked.update(arguments)
        return []

    monkeypatch.setattr(loading, "DataLoader", loader)
    assert list(step_batches(data.scenes, options, Share(), 2, torch.device(device))) == []
    assert asked["pin_memory"] is pinned


def test_the_device_of_a_process_is_its_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    for device in (CPU, torch.device("cuda:1")):
        with process_group(2, device) as share:
            assert share == Share()
    assert current == [torch.device("cuda:1")]


@pytest.mark.parametrize("message", ["DataLoader worker (pid 7) is killed", "Pin memory thread exited unexpectedly"])
def test_what_torch_says_of_a_lost_worker_is_understood(message: str) -> None:
    with pytest.raises(TsexpandError, match="a process that makes samples died"), lost_workers_named():
        raise RuntimeError(message)


@pytest.mark.parametrize("kind", [RuntimeError, OSError])
def test_what_goes_wrong_in_a_living_worker_is_not_called_a_death(
    data: Data, options: TrainOptions, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def broken(*arguments: object) -> None:
        raise kind("shapes do not match")

    monkeypatch.setattr("tsexpand.training.loading.sample_batch", broken)
    with pytest.raises(kind, match="shapes do not match"), lost_workers_named():
        list(step_batches(data.scenes, options, Share(), 0, CPU))


def test_a_lost_worker_is_named_and_ends_the_training(scene_folder: Path, tmp_path: Path) -> None:
    """In another process: torch tells of a dead worker by a signal, which would reach the other tests too."""
    small = ("--steps", "100000", "--batch-size", "1", "--size", "40", "--device", "cpu")
    command = [sys.executable, "-m", "tsexpand", "train", str(scene_folder), str(tmp_path / "w.pth"), *small]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        children = Path(f"/proc/{training.pid}/task/{training.pid}/children")
        while not (pids := children.read_text().split()):
            time.sleep(0.1)
        time.sleep(1)
        os.kill(int(pids[0]), signal.SIGKILL)
        _, errors = training.communicate()
    assert training.returncode == 1
    assert "Error: a process that makes samples died" in errors and "--workers" in errors
    assert not (tmp_path / "w.pth").exists()


def test_the_log_and_the_pictures_tell_of_each_validation(options: TrainOptions, data: Data, tmp_path: Path) -> None:
    train(replace(options, validate_every=2, pictures=tmp_path / "pictures"), data)
    rows = [json.loads(line) for line in options.log.read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(row["pu4000"] > 0 and row["loss"] > 0 and 0 <= row["waited"] <= 1 for row in rows)
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["000002_00.png", "000004_00.png"]


def test_a_loss_that_is_not_finite_stops_the_training_and_the_checkpoint_stays(
    options: TrainOptions, data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> torch.Tensor:
        return torch.tensor(float("nan"))

    train(replace(options, steps=1), data)
    before = options.checkpoint.read_bytes()
    options.checkpoint.rename(options.checkpoint.with_suffix(".kept"))
    monkeypatch.setattr(trainer_module, "objective", broken)
    with pytest.raises(TsexpandError, match="loss of step 1 is not finite"):
        train(options, data)
    assert not options.checkpoint.exists() and options.checkpoint.with_suffix(".kept").read_bytes() == before


def test_a_log_goes_on_from_the_step_of_the_checkpoint(options: TrainOptions, data: Data) -> None:
    options = replace(options, validate_every=1, checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        train(options, data, Hooks(stop_after(3)))  # stopped before the checkpoint of this step
    with options.log.open("a") as log:
        log.write('{"step": 4, "lo')  # as a kill leaves it
    train(options, data)
    assert [json.loads(line)["step"] for line in options.log.read_text().splitlines()] == [1, 2, 3, 4]


def test_a_checkpoint_of_another_network_is_refused(options: TrainOptions, data: Data) -> None:
    train(options, data)
    state = torch.load(options.checkpoint, weights_only=True)
    del state["optimisers"]["muon"]
    torch.save(state, options.checkpoint)
    with pytest.raises(InputError, match="not a checkpoint of this network"):
        train(options, data)


def test_the_best_weights_are_kept(options: TrainOptions) -> None:
    trainer = Trainer(options, CPU, Share(), {})
    for step, score in ((1, 30.0), (2, 31.0), (3, 29.0)):
        trainer.step = step
        trainer.keep_if_best({"pu4000": score}, "pu4000")
    assert trainer.kept.step == 2


def test_the_analytic_picture_is_the_baseline(data: Data) -> None:
    scores = analytic_scores(data)
    assert scores["pu_rest"] > scores["pu4000"] > scores["pu_clipped"] > 0  # what clips is what it misses


def test_two_processes_learn_what_one_does(options: TrainOptions, data: Data, tmp_path: Path) -> None:
    """Through torchrun, as a user with two GPUs does; here on two CPU processes."""
    alone = train(replace(options, steps=2), data)
    script = tmp_path / "run.py"
    script.write_text(
        "import sys; from pathlib import Path; from tsexpand.training.loop import load_data, train\n"
        "from tsexpand.training.options import TrainOptions\n"
        "options = TrainOptions((Path(sys.argv[1]),), Path(sys.argv[2]), 2, batch_size=2, size=40, warmup_steps=2,\n"
        "                       device='cpu')\n"
        "train(options, load_data(options))\n"
    )
    output = tmp_path / "two.pth"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(script), str(options.data[0]), str(output)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    state = torch.load(output.with_name("two.pth.checkpoint"), weights_only=True)
    assert state["step"] == 2
    start = initial_network(options).state_dict()
    moved = sum(float((value - start[name]).square().sum()) for name, value in alone.network.state_dict().items())
    apart = sum(float((state["network"][k] - v).square().sum()) for k, v in alone.network.state_dict().items())
    assert apart < 0.01 * moved  # other samples, or one's half of them, move the weights elsewhere

"""The training loop: from scenes to weights, both phases alike, resumable to the sample."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from ..cores import settle
from ..errors import InputError
from ..network.output import Parametrisation
from .checkpoints import read_checkpoint
from .distributed import (
    agree_on_step,
    check_share,
    process_group,
    processes_here,
    share_of_environment,
    training_device,
)
from .interruption import TrainingInterrupted, TrainingInterruption
from .loading import Share, lost_workers_named, step_batches
from .memory import room_for_scenes
from .options import Stability, TrainOptions
from .pictures import write_pictures
from .records import Records, tensorboard_writer
from .roles import data_hash, split, without_copies
from .samples import SampleBatch
from .scenes import Scene, load_scenes
from .trainer import Trainer, initial_network, learning_rate
from .validation import SCORE, ValidationClip, validate, validation_clips

OBJECTIVE = 5
"""Of losses and samples; another number where a checkpoint can't go on as if nothing had happened."""

RECORD_EVERY = 20
"""Steps between lines of the log."""


@dataclass(frozen=True, slots=True)
class Data:
    """What a training sees.

    Attributes:
        scenes: to learn from.
        clips: to validate on; none in a process that only follows.
        refused: a line for each file that can't be used.
        sha256: of all scenes, in both roles.
    """

    scenes: tuple[Scene, ...]
    clips: list[ValidationClip]
    refused: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a training after some steps.

    Attributes:
        step: how many were made.
        loss: mean since the last report, of this process's share of the batches.
        samples_per_second: since the last report.
        waited: share of that time in which the device waited for samples.
        scores: of the averaged weights, where they were just validated.
    """

    step: int
    loss: float
    samples_per_second: float
    waited: float
    scores: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What is told of a training while it runs.

    Attributes:
        on_progress: told every now and then, and of each validation.
        on_resume: told the step that a checkpoint was of.
        on_signal: told that a signal came, and that the training ends with the step that is being made.
    """

    on_progress: Callable[[Progress], None] = lambda progress: None
    on_resume: Callable[[int], None] = lambda step: None
    on_signal: Callable[[], None] = lambda: None


def load_data(options: TrainOptions) -> Data:
    """Reads the scenes and renders the validation clips.

    Raises:
        InputError: too few scenes that can be used, or more than there is memory for.
    """
    settle()
    room = room_for_scenes(processes_here())
    found = load_scenes(options.data, room)
    refused = found.refused
    if options.validation is None:
        scenes, held_back = split(found.scenes)
    else:
        validation = load_scenes([options.validation], room - found.size)
        scenes, held_back, refused = found.scenes, validation.scenes, refused + validation.refused
    scenes, copies = without_copies(scenes, held_back)
    if not scenes:
        raise InputError("every scene to learn from is also one to validate on; give other scenes to one of them")
    clips = validation_clips(held_back) if share_of_environment().rank == 0 else []
    return Data(scenes, clips, (*refused, *copies), data_hash(scenes, held_back))


# Options that do not change what the weights become.
_FREE = {
    "output",
    "data",
    "validation",
    "init",
    "teacher",
    "device",
    "workers",
    "checkpoint_seconds",
    "pictures",
    "tensorboard",
}


def _chosen(options: TrainOptions) -> dict[str, Any]:
    """Options and first weights, as plain values."""
    plain = {k: getattr(v, "value", v) for k, v in asdict(options).items() if k not in _FREE}
    given = {"init_sha256": options.init, "teacher_sha256": options.teacher}
    hashes = {name: path and hashlib.sha256(path.read_bytes()).hexdigest() for name, path in given.items()}
    return {**plain, "alpha": options.stability_share, **hashes, "objective": OBJECTIVE}


def identity(options: TrainOptions, data: Data) -> dict[str, Any]:
    """What must be the same for a checkpoint to be taken up: options, scenes and first weights, as plain values."""
    return {**_chosen(options), "data_sha256": data.sha256}


def check(options: TrainOptions) -> None:
    """Refuses what can be refused before the scenes are read.

    Raises:
        DeviceError: there is no such device.
        WeightsError: the weights to start from can't be used.
        InputError: the checkpoint does not fit, or the batch can't be dealt out.
        TsexpandError: TensorBoard was asked for and is not installed.
    """
    training_device(options.device)
    check_share(options.batch_size, share_of_environment())
    if options.tensorboard is not None:
        tensorboard_writer()
    initial_network(options)
    if options.checkpoint.exists():
        read_checkpoint(options.checkpoint, _chosen(options))


def train(options: TrainOptions, data: Data, hooks: Hooks = Hooks()) -> Trainer:
    """Trains to the last step, from the checkpoint where there is one.

    Under torchrun every process calls this; the first one validates, writes and reports. Without it, SIGINT and
    SIGTERM wait for the end of a step.

    Args:
        options: what is trained.
        data: on what.
        hooks: told of it.

    Raises:
        TrainingInterrupted: by a signal; the checkpoint is written.
        InputError: a checkpoint that does not fit, or a batch that can't be dealt out.
        OutputError: checkpoint or log can't be written; the checkpoint before stays.
        WeightsError: the weights to start from can't be used.
        TsexpandError: a process that makes samples died.
    """
    device = training_device(options.device)
    with process_group(options.batch_size, device) as share:
        trainer = Trainer(options, device, share, identity(options, data))
        if options.checkpoint.exists():
            trainer.restore(options.checkpoint)
            hooks.on_resume(trainer.step)
        agree_on_step(trainer.step, share)
        with lost_workers_named():
            if share.rank > 0:
                _follow(trainer, data, share)
            else:
                _lead(trainer, data, share, hooks)
    return trainer


def _follow(trainer: Trainer, data: Data, share: Share) -> None:
    with closing(step_batches(data.scenes, trainer.options, share, trainer.step, trainer.device)) as batches:
        for batch in batches:
            trainer.update(batch)


def _lead(trainer: Trainer, data: Data, share: Share, hooks: Hooks) -> None:
    options = trainer.options
    window = _Window(options.batch_size)
    saved = time.monotonic()
    interruption = TrainingInterruption(hooks.on_signal)
    with (
        Records(options.log, options.tensorboard, trainer.step) as records,
        interruption if share.world == 1 else nullcontext(),  # several must stop at once: they wait for one another
        closing(step_batches(data.scenes, options, share, trainer.step, trainer.device)) as batches,
    ):
        for batch in window.timed(batches):
            window.losses.append(trainer.update(batch))
            progress = _progress(trainer, data, window)
            if interruption.came:
                trainer.save(options.checkpoint)  # before anything is told: who reads it may be gone by the same Ctrl-C
                if progress is not None:
                    _record(records, options, progress)
                raise TrainingInterrupted(trainer.step)
            if progress is not None:
                _record(records, options, progress)
                with interruption.telling():
                    hooks.on_progress(progress)
                window.reopen()
            if time.monotonic() - saved > options.checkpoint_seconds:
                trainer.save(options.checkpoint)
                saved = time.monotonic()
        trainer.save(options.checkpoint)


def _progress(trainer: Trainer, data: Data, window: "_Window") -> Progress | None:
    """What there is to tell after a step, if anything; validated where it is time, even after a signal.

    Who goes on from a checkpoint of this step does not validate it again.
    """
    options = trainer.options
    validated = trainer.step % options.validate_every == 0 or trainer.step == options.steps
    if not validated and trainer.step % RECORD_EVERY:
        return None
    progress = window.closed(trainer.step)
    return replace(progress, scores=_validated(trainer, data)) if validated else progress


def _validated(trainer: Trainer, data: Data) -> dict[str, float]:
    """Scores of the averaged weights, kept if they are the best so far.

    With a stability loss the latest are: the score would choose those on which stability has done least.
    """
    options = trainer.options
    found = validate(trainer.averaged_network(), options.target, data.clips, trainer.dtype)
    if options.stability is Stability.NONE:
        trainer.keep_if_best(found.scores, SCORE)
    else:
        trainer.keep(found.scores)
    if options.pictures is not None:
        write_pictures(options.pictures, trainer.step, found)
    return found.scores


def _record(records: Records, options: TrainOptions, progress: Progress) -> None:
    numbers = {"loss": progress.loss, "learning_rate": learning_rate(options, progress.step - 1)}
    numbers |= {"samples_per_second": progress.samples_per_second, "waited": progress.waited}
    records.add(progress.step, numbers | (progress.scores or {}))


class _Window:
    """Losses and times since the last report."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._began = time.monotonic()
        self._waited = 0.0
        self.losses: list[float] = []

    def timed(self, batches: Iterator[SampleBatch]) -> Iterator[SampleBatch]:
        """The batches; how long each one was waited for is added up."""
        while True:
            asked = time.monotonic()
            batch = next(batches, None)
            self._waited += time.monotonic() - asked
            if batch is None:
                return
            yield batch

    def closed(self, step: int) -> Progress:
        """The report."""
        elapsed = max(time.monotonic() - self._began, 1e-9)
        count = len(self.losses)
        return Progress(
            step, sum(self.losses) / count, count * self._batch_size / elapsed, min(1.0, self._waited / elapsed)
        )

    def reopen(self) -> None:
        """Begins anew, so that validating and saving are not counted."""
        self.losses, self._began, self._waited = [], time.monotonic(), 0.0


def analytic_scores(data: Data) -> dict[str, float]:
    """Scores of the analytic picture on the validation clips: what a training has to beat."""
    return validate(None, Parametrisation.ABSOLUTE, data.clips, torch.float32).scores

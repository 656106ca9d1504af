"""Samples made ahead of time, in processes of their own, so that the device does not wait."""

import gc
import sys
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader, Dataset

from ..errors import TsexpandError
from .interruption import leave_to_parent
from .options import Stability, TrainOptions
from .samples import SampleBatch, sample_batch
from .scenes import Scene

AHEAD = 4
"""Batches that each worker has ready."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which samples of a batch this process makes: the `rank`-th of `world` equal parts."""

    rank: int = 0
    world: int = 1


class StepBatches(Dataset[SampleBatch]):
    """The batch of each training step, by its number."""

    def __init__(self, scenes: Sequence[Scene], options: TrainOptions, share: Share) -> None:
        self._scenes = scenes
        self._options = options
        self._share = share

    def __getitem__(self, step: int) -> SampleBatch:
        options = self._options
        part = options.batch_size // self._share.world
        first = step * options.batch_size + self._share.rank * part
        numbers, stability = range(first, first + part), options.stability is not Stability.NONE
        return sample_batch(self._scenes, options.target, options.seed, numbers, options.size, stability)


def step_batches(
    scenes: Sequence[Scene], options: TrainOptions, share: Share, first_step: int, device: torch.device
) -> Generator[SampleBatch, None, None]:
    """The batches from a step to the last one, in order, the same to the last bit for any number of workers.

    They are on the CPU; where they are for CUDA, in pinned memory. Close it, or processes stay behind.

    Raises:
        TsexpandError: a worker died before torch noticed; else see `lost_workers_named`.
    """
    loader = DataLoader(
        StepBatches(scenes, options, share),
        batch_size=None,
        sampler=range(first_step, options.steps),
        num_workers=options.workers,
        prefetch_factor=AHEAD,
        pin_memory=device.type == "cuda",
        worker_init_fn=_begin,
        multiprocessing_context="fork" if sys.platform == "linux" else "spawn",
    )
    try:
        yield from loader
    except (OSError, EOFError) as error:  # a worker's socket is gone, and torch has not noticed that it died
        if _raised_in_worker(error):
            raise
        _let_go(error)
        raise _lost_worker() from None


def _begin(worker: int) -> None:
    """In a process that makes samples, before the first.

    What the parent had when it was forked is not looked at for garbage there: a codec that was taken apart would wait
    for threads that a fork does not have.
    """
    gc.freeze()
    leave_to_parent(worker)


_SIGNS = ("DataLoader worker (pid", "Pin memory thread exited")
"""What torch says of a dead worker; of the thread that pins memory, where it noticed first."""


def _raised_in_worker(error: BaseException) -> bool:
    """Whether a worker is alive and raised this itself: torch gives it the worker's traceback as its message."""
    return str(error).startswith("Caught ")


@contextmanager
def lost_workers_named() -> Iterator[None]:
    """Says what happened when a worker dies, which torch notices anywhere in the main thread.

    Raises:
        TsexpandError: a worker died.
    """
    try:
        yield
    except RuntimeError as error:
        if _raised_in_worker(error) or not any(sign in str(error) for sign in _SIGNS):
            raise
        _let_go(error)
        raise _lost_worker() from None


def _lost_worker() -> TsexpandError:
    return TsexpandError(
        "a process that makes samples died (killed, or out of memory); the last checkpoint is kept: "
        "start again, perhaps with fewer --workers"
    )


def _let_go(error: BaseException) -> None:
    """Frees what the frames of an error hold: while torch knows of a dead worker, it tells of it at every signal."""
    following: BaseException | None = error
    while following is not None:
        traceback.clear_frames(following.__traceback__)
        following = following.__context__

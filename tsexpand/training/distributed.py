"""Several processes, one training: what torchrun starts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from ..engines.devices import select_device
from ..errors import InputError
from .loading import Share

TIMEOUT = timedelta(minutes=10)
"""Longer than any step, validation or checkpoint; a lost process is noticed after it."""


def share_of_environment() -> Share:
    """This process's share of the batches, as torchrun says; all of them without it."""
    return Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def processes_here() -> int:
    """How many processes train on this machine, as torchrun says."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def check_share(batch_size: int, share: Share) -> None:
    """Raises InputError where a batch can't be dealt out evenly."""
    if batch_size % share.world:
        raise InputError(f"--batch-size {batch_size} can't be dealt to {share.world} processes; choose a multiple")


@contextmanager
def process_group(batch_size: int, device: torch.device) -> Iterator[Share]:
    """Joins the processes that torchrun started, and leaves them at the end; one process has none to join.

    Where the device is CUDA it becomes the current one, on which NCCL exchanges objects and for which memory is pinned.

    Raises:
        InputError: the batch can't be dealt out evenly.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
    share = share_of_environment()
    check_share(batch_size, share)
    if share.world == 1:
        yield share
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield share
    finally:
        dist.destroy_process_group()


def agree_on_step(step: int, share: Share) -> None:
    """Makes sure that all processes go on from the same step.

    Raises:
        InputError: they do not: not all of them see the checkpoint.
    """
    if share.world == 1:
        return
    steps: list[int | None] = [None] * share.world
    dist.all_gather_object(steps, step)
    if len(set(steps)) > 1:
        raise InputError(f"the processes would go on from steps {steps}: WEIGHTS must lie in a folder that all see")


def training_device(name: str) -> torch.device:
    """The device of this process: where CUDA is asked for or found, the one of torchrun's local rank.

    Raises:
        DeviceError: there is no such device.
    """
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return select_device(name)

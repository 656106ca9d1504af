"""Ctrl-C and SIGTERM between two steps, where all that was learned can be kept."""

import mmap
import os
import signal
import threading
from collections.abc import Iterator
from functools import partial
from types import FrameType, TracebackType
from typing import Self

from ..interruption import Interruption

GRACE = 30
"""Seconds after SIGTERM, and again, until a process that makes samples looks whether it is still needed."""

LONGEST_GRACE = 600
"""Seconds after SIGTERM in which it may be needed: more than a step, a validation and a checkpoint take together, and
not for ever where a training hangs."""

_WAITS = mmap.mmap(-1, 1)
"""1 while a `TrainingInterruption` lets a step end; shared with processes that are forked, not with spawned ones."""


class TrainingInterrupted(KeyboardInterrupt):
    """Raised after the checkpoint of `step` was written."""

    def __init__(self, step: int) -> None:
        super().__init__(f"after step {step}")
        self.step = step


class TrainingInterruption(Interruption):
    """An `Interruption` that the processes that make samples know of: they are needed until it is left."""

    def __enter__(self) -> Self:
        super().__enter__()
        if threading.current_thread() is threading.main_thread():
            _WAITS[0] = 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _WAITS[0] = 0
        super().__exit__(kind, error, trace)


def leave_to_parent(worker: int) -> None:
    """In a process that makes samples: signals to the group reach it too, but when to stop is not its decision.

    It ends when torch tells it to. After SIGTERM it also ends by itself, as Python, which sends one to what is left at
    its own end, waits for it: `GRACE` seconds later; while the parent still lets a step end, and validates perhaps, up
    to `LONGEST_GRACE`, as a worker that is gone would make torch raise there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "setitimer"):
        more = iter(range(int(LONGEST_GRACE / GRACE) - 1))
        signal.signal(signal.SIGTERM, _look_later)
        signal.signal(signal.SIGALRM, partial(_end_unless_needed, os.getppid(), more))


def _look_later(number: int, frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, GRACE)


def _end_unless_needed(parent: int, more: Iterator[int], number: int, frame: FrameType | None) -> None:
    """Ends this process by the signal, unless its parent lives, lets a step end, and `more` time is left."""
    if _WAITS[0] and os.getppid() == parent and next(more, None) is not None:
        _look_later(number, frame)
    else:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGALRM)

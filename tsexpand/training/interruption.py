"""Ctrl-C and SIGTERM between two steps, where all that was learned can be kept."""

import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType, TracebackType
from typing import Self

from ..errors import TsexpandError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

ONE_PRESS = 1.0
"""Seconds in which further signals are the same wish: `timeout`, for one, sends two at once."""

GRACE = 30
"""Seconds after SIGTERM, and again, until a process that makes samples looks whether it is still needed."""

LONGEST_GRACE = 600
"""Seconds after SIGTERM in which it may be needed: more than a step, a validation and a checkpoint take together, and
not for ever where a training hangs."""

_WAITS = mmap.mmap(-1, 1)
"""1 while an `Interruption` lets a step end; shared with the processes forked from this one, not with spawned ones."""


class TrainingInterrupted(KeyboardInterrupt):
    """Raised after the checkpoint of `step` was written."""

    def __init__(self, step: int) -> None:
        super().__init__(f"after step {step}")
        self.step = step


class Interruption:
    """A context manager in which the first signal is noted, and a later one stops at once.

    A compiler that the same Ctrl-C has killed makes the step fail: that is an interruption too, not an error.

    Args:
        on_signal: told of the first one, as far as `telling` goes.

    Attributes:
        came: whether there was one.
    """

    def __init__(self, on_signal: Callable[[], None] = lambda: None) -> None:
        self.came = False
        self._on_signal = on_signal
        self._noted = 0.0
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may set them, and none is interrupted
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
            _WAITS[0] = 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _WAITS[0] = 0
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set from Python
        if self.came and isinstance(error, Exception) and not isinstance(error, TsexpandError):
            raise KeyboardInterrupt from error

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Telling may fail once a signal came: Ctrl-C ends `tee` too, and nobody reads stderr any more."""
        try:
            yield
        except OSError:
            if not self.came:
                raise

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.came:
            self.came, self._noted = True, time.monotonic()
            with self.telling():
                self._on_signal()
        elif time.monotonic() - self._noted > ONE_PRESS:
            raise KeyboardInterrupt


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

"""Ctrl-C and SIGTERM between two steps, where all that was learned can be kept."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from ..errors import TsexpandError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

ONE_PRESS = 1.0
"""Seconds in which further signals are the same wish: `timeout`, for one, sends two at once."""


GRACE = 30
"""Seconds that a step may take to end after SIGTERM."""


class TrainingInterrupted(KeyboardInterrupt):
    """Raised after the checkpoint of `step` was written."""

    def __init__(self, step: int) -> None:
        super().__init__(f"after step {step}")
        self.step = step


class Interruption:
    """A context manager in which the first signal is noted, and a later one stops at once.

    A compiler that the same Ctrl-C has killed makes the step fail: that is an interruption too, not an error.

    Args:
        on_signal: told of the first one.

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
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set from Python
        if self.came and isinstance(error, Exception) and not isinstance(error, TsexpandError):
            raise KeyboardInterrupt from error

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.came:
            self.came, self._noted = True, time.monotonic()
            self._on_signal()
        elif time.monotonic() - self._noted > ONE_PRESS:
            raise KeyboardInterrupt


def leave_to_parent(worker: int) -> None:
    """In a process that makes samples: signals to the group reach it too, but when to stop is not its decision.

    It ends when torch tells it to; after SIGTERM `GRACE` seconds later at the latest, as Python, which sends one to
    what is left at its own end, waits for it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, _end_soon)


def _end_soon(number: int, frame: FrameType | None) -> None:
    signal.alarm(GRACE)

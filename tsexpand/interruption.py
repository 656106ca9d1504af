"""Ctrl-C and SIGTERM where what was done can be kept: noted, and acted on when it suits."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from .errors import TsexpandError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

ONE_PRESS = 1.0
"""Seconds in which further signals are the same wish: `timeout`, for one, sends two at once."""


class Interruption:
    """A context manager in which the first signal is noted, and a later one stops at once.

    What fails after a signal for a reason we do not know was broken by it, such as a compiler that the same Ctrl-C has
    killed: that is an interruption too, not an error.

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
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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

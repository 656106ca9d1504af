"""Reading a pipe whose writer may stall, so that the wait can be ended from outside."""

import os
import select
import sys
import threading
from pathlib import Path

from ..errors import Cancelled, InputError
from .stream_end import MatroskaEnd

STDIN = "-"

BLOCK = 1 << 18
"""Bytes FFmpeg asks for at once: more than a pipe holds by default, so that each read empties it."""


def is_pipe(name: str) -> bool:
    """Whether a name is standard input or a named pipe."""
    try:
        return name == STDIN or Path(name).is_fifo()
    except OSError:  # a name too long, or in a folder that can't be entered: FFmpeg says so
        return False


class Pipe:
    """A file object for PyAV, not seekable.

    FFmpeg's own reading of a pipe can be left neither by a signal, whose Python handler waits for
    the call to return, nor by another thread.

    Args:
        name: `-` for standard input, else the path of a named pipe; opening it waits for a writer.

    Attributes:
        length: bytes that have come so far.
        matroska_end: where in a Matroska stream that is.

    Raises:
        InputError: it can't be opened.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        try:
            self._input = 0 if name == STDIN else os.open(name, os.O_RDONLY)
        except OSError as error:
            raise InputError(f"{name}: can't be opened ({error.strerror})") from None
        self._woken, self._waker = os.pipe()
        self._lock = threading.Lock()
        self._is_open = True
        self._failure: BaseException | None = None
        self.length = 0
        self.matroska_end = MatroskaEnd()

    def read(self, size: int) -> bytes:
        """At most so many bytes, at least one; none at the end, and from a failure or `cancel` on."""
        if self._failure is not None:
            return b""
        try:
            self._wait()
            data = b"" if self._failure is not None else os.read(self._input, size)
        # PyAV prints what is no Exception and goes on; `check` raises it once FFmpeg has returned.
        except BaseException as failure:
            self._failure = failure
            return b""
        self.length += len(data)
        self.matroska_end.feed(data)
        return data

    def _wait(self) -> None:
        """Until there is something to read, or `cancel`; Windows can't wait for a pipe."""
        if sys.platform != "win32":
            poll = select.poll()
            poll.register(self._input, select.POLLIN)
            poll.register(self._woken, select.POLLIN)
            poll.poll()

    def check(self) -> None:
        """Raises what ended the reading early.

        Raises:
            KeyboardInterrupt: or whatever a signal's handler raised.
            Cancelled: after `cancel`.
            InputError: the system can't read it.
        """
        failure = self._failure
        if isinstance(failure, OSError):
            raise InputError(f"{self.name}: can't be read ({failure.strerror})") from None
        if failure is not None:
            raise failure

    def cancel(self) -> None:
        """Ends a read that waits, and all that come; from any thread, any number of times."""
        with self._lock:
            if self._is_open and self._failure is None:
                self._failure = Cancelled()
                os.write(self._waker, b"\0")

    def close(self) -> None:
        """Closes what was opened here: not standard input."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                own = [] if self._input == 0 else [self._input]
                for descriptor in (*own, self._woken, self._waker):
                    os.close(descriptor)

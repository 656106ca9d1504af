"""Where bytes go as they come, and can't be taken back: standard output, a named pipe, a device."""

import os
from contextlib import suppress
from pathlib import Path

from ..errors import ClosedPipe, OutputError, output_error
from .paths import STDOUT, descriptor, translated

_STDOUT, _STDERR = 1, 2


class ByteStream:
    """A file object for muxers, not seekable, whose failures wait until they are asked for.

    A muxer that fails while it writes can't be closed in peace; so once a write has failed, all that follow are
    taken and thrown away, and `check` raises what has happened.

    Args:
        output: its name.
    """

    def __init__(self, output: Path) -> None:
        self._name = Path("standard output" if str(output) == STDOUT else output)
        self._output = output
        self._failure: BaseException | None = None
        self._is_abandoned = False
        self._is_stdout = descriptor(output) == _STDOUT

    def open(self) -> None:
        """Opens it; a named pipe waits here for its reader.

        Raises:
            OutputError: it can't be opened, or is a terminal.
        """
        number = descriptor(self._output)
        with translated(self._name):
            self._file = os.open(self._output, os.O_WRONLY) if number is None else os.dup(number)
        if os.isatty(self._file):
            os.close(self._file)
            raise OutputError(f"{self._output}: is a terminal; pipe it into another program, or name a file")
        if self._is_stdout:
            with suppress(OSError):  # there may be no standard error
                os.dup2(_STDERR, _STDOUT)  # so that what a library prints does not get among the data

    def close(self) -> None:
        """Closes it, and gives standard output back to whom it belongs."""
        if self._is_stdout:
            os.dup2(self._file, _STDOUT)
        os.close(self._file)

    def write(self, data: bytes) -> int:
        """Writes all of it, or nothing from a failure on."""
        if self._failure is None and not self._is_abandoned:
            try:
                self._write(memoryview(data))
            except BaseException as failure:  # an interruption, too, which a muxer would print and forget
                self._failure = failure
        return len(data)

    def _write(self, data: memoryview) -> None:
        while data:
            data = data[os.write(self._file, data) :]

    def abandon(self) -> None:
        """Lets nothing more through: what is unfinished must not be given an end that looks whole."""
        self._is_abandoned = True

    def check(self) -> None:
        """Raises what has ended the writing.

        Raises:
            ClosedPipe: who read has gone.
            OutputError: it can't be written for another reason.
            KeyboardInterrupt: or whatever a signal's handler raised.
        """
        failure = self._failure
        if isinstance(failure, BrokenPipeError):
            raise ClosedPipe from failure
        if isinstance(failure, OSError):
            raise output_error(self._name, failure) from failure
        if failure is not None:
            raise failure

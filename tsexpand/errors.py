"""Everything that can go wrong for a reason we know.

```
TsexpandError          1
├─ InputError          3   cannot open, no video stream, undecodable, already HDR
│  ├─ NetworkError     3   server unreachable, or nothing but errors from it
│  └─ DamagedPictureError  3   a picture can't be decoded
├─ OutputError         4   exists, not writable, disk full, encoder missing
├─ WeightsError        5   unknown name, checksum, keys do not match
└─ DeviceError         6   no such device, out of memory even at the smallest tile
```

Adapters translate a library's errors where the cause is known; `tsexpand.cli` prints them as
one line and exits with the code. Anything else is a bug and shows its traceback. A usage
error exits with 2, an interruption with 130.
"""

import errno
import os
from pathlib import Path

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM."""


BROKEN_PIPE = 141
"""Exit code where who read our standard output has gone, as of a program that SIGPIPE ends; nothing is said."""


def first_line(text: str) -> str:
    """Of what a compiler, a loader or a driver says, at most 200 characters."""
    return (text.strip().splitlines() or ["no reason given"])[0][:200]


class TsexpandError(Exception):
    """A failure with a known cause; its text is one line: what, where, what to try."""

    exit_code = 1


class Cancelled(Exception):  # noqa: N818  (nothing went wrong)
    """Raised where work was told to stop, so that it unwinds; nobody is waiting for it any more."""


class ClosedPipe(Exception):  # noqa: N818  (nothing went wrong)
    """Who read our standard output has gone."""


class InputError(TsexpandError):
    """The input can't be read, decoded, or converted."""

    exit_code = 3


class NetworkError(InputError):
    """The server can't be reached, or goes on failing; further requests would fare no better."""


class DamagedPictureError(InputError):
    """A picture of the input can't be decoded; the one before it may take its place, where that is wanted."""


class OutputError(TsexpandError):
    """The output can't be written."""

    exit_code = 4


class WeightsError(TsexpandError):
    """The weights can't be found, trusted, or fitted into the network."""

    exit_code = 5


class DeviceError(TsexpandError):
    """The device is missing or too small."""

    exit_code = 6


_ADVICE = {
    errno.ENOSPC: "disk full; make room or write elsewhere",
    errno.EDQUOT: "disk quota used up; make room or write elsewhere",
    errno.EFBIG: "file larger than the file system or a limit allows; write elsewhere",
    errno.EIO: "the device failed to write; check it or write elsewhere",
    errno.EACCES: "no permission to write here; choose another place",
    errno.EPERM: "no permission to write here; choose another place",
    errno.EROFS: "the file system is read-only; write elsewhere",
    errno.ENOENT: "no such folder; create it first",
    errno.ENOTDIR: "no such folder; create it first",
    errno.ENAMETOOLONG: "the name is too long for the file system; choose a shorter one",
}


def is_refusal(error: OSError) -> bool:
    """Whether it is the system that refused to write, and not a library that was used wrongly."""
    return error.errno in _ADVICE


def output_error(path: Path, error: OSError) -> OutputError:
    """The error of a path that can't be written, with what to try."""
    advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"{path}: {advice}")


def output_error_from_text(path: Path, text: str) -> OutputError:
    """Likewise, of a library that passes the system's message on as text."""
    number = next((number for number in _ADVICE if os.strerror(number) in text), None)
    if number is not None:
        return output_error(path, OSError(number, os.strerror(number)))
    return OutputError(f"{path}: {text}")

"""Everything that can go wrong for a reason we know.

```
TsexpandError          1
├─ InputError          3   cannot open, no video stream, undecodable, already HDR
├─ OutputError         4   exists, not writable, disk full, encoder missing
├─ WeightsError        5   unknown name, checksum, keys do not match
└─ DeviceError         6   no such device, out of memory even at the smallest tile
```

Adapters translate a library's errors where the cause is known; `tsexpand.cli` prints them as
one line and exits with the code. Anything else is a bug and shows its traceback. A usage
error exits with 2, an interruption with 130.
"""

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM."""


class TsexpandError(Exception):
    """A failure with a known cause; its text is one line: what, where, what to try."""

    exit_code = 1


class InputError(TsexpandError):
    """The input can't be read, decoded, or converted."""

    exit_code = 3


class OutputError(TsexpandError):
    """The output can't be written."""

    exit_code = 4


class WeightsError(TsexpandError):
    """The weights can't be found, trusted, or fitted into the network."""

    exit_code = 5


class DeviceError(TsexpandError):
    """The device is missing or too small."""

    exit_code = 6

"""What a finished file holds, read back from its packets before it gets its name: the cheap part of verifying.

Nothing is decoded. It finds what muxers, edit lists and file systems lose without a word.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError

from ..errors import OutputError
from ..frames import clock


class NotWholeError(OutputError):
    """A finished file does not hold what was written into it; its text says what is missing, and names no file."""


def check_written(
    path: Path, times: Sequence[int], time_base: Fraction, tolerance: Fraction, shifts: bool = False
) -> None:
    """Holds the pictures of a finished file against what was written into it.

    Args:
        path: of the file.
        times: of all pictures, in any order.
        time_base: of those times.
        tolerance: seconds by which the file may round them.
        shifts: whether all may be earlier or later by the same.

    Raises:
        NotWholeError: it can't be read, or pictures are missing or not at their times.
    """
    try:
        found = _picture_times(path)
    except (FFmpegError, OSError, IndexError) as error:
        raise NotWholeError(f"can't be read back ({error})") from error
    if len(found) != len(times):
        raise NotWholeError(f"{len(found)} of {len(times)} pictures are there")
    shift = found[0] - min(times) * time_base if shifts and found else 0
    for written, there in zip(sorted(times), found, strict=True):
        if abs(there - shift - written * time_base) > tolerance:
            raise NotWholeError(f"the picture of {clock(written * time_base)} is at {clock(there)}")


def _picture_times(path: Path) -> list[Fraction]:
    """In order of display, seconds."""
    with av.open(str(path.absolute())) as container:
        video = container.streams.video[0]
        times = sorted(packet.pts for packet in container.demux(video) if packet.size and packet.pts is not None)
        unit = video.time_base or Fraction(1)
    return [time * unit for time in times]

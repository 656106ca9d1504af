"""Whether a delivery is what it should be: what it says of itself against what it holds, and against its source."""

from collections.abc import Callable
from pathlib import Path

from ..codecs.source_options import WHOLE, SourceOptions
from ..cores import settle
from .report import Check, VerifyReport
from .sequence import verify_sequence
from .single_pictures import refuse_single_pictures
from .video import verify_video

__all__ = ["Check", "VerifyReport", "verify"]


def verify(
    name: str,
    source: str | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
    reading: SourceOptions = WHOLE,
) -> VerifyReport:
    """Checks a video file, or an EXR sequence in a folder, from its first frame to its last.

    Args:
        name: of the file or folder.
        source: what it was made of; frames, times, sound and black are compared with it.
        on_progress: told how many frames are done.
        reading: which pictures of the source were converted, and how they were read.

    Raises:
        InputError: the source can't be read to its end, or there is nothing to check.
    """
    refuse_single_pictures(name)
    settle()
    check = verify_sequence if Path(name).is_dir() else verify_video
    return check(name, source, on_progress, reading)

"""Size and pixel format of a clip's pictures, which are to stay as they are."""

from fractions import Fraction

import av
from av.video.reformatter import Interpolation

from ..errors import InputError
from ..frames import clock
from .pixels import stored_format


class PictureKind:
    """What all pictures of a clip are, or are scaled to.

    Args:
        name: of the input, for errors.
        first: picture, which the others are to be like.
        scales: whether others are brought to its size and format.
    """

    def __init__(self, name: str, first: av.VideoFrame, scales: bool) -> None:
        self._name = name
        self._size, self._format = (first.width, first.height), stored_format(first)
        self._kind = _kind(first)
        self._scales = scales
        self._changes: list[tuple[str, Fraction]] = []  # other kinds, and since when

    def kept(self, frame: av.VideoFrame, seconds: Fraction) -> av.VideoFrame:
        """A picture, of the first one's kind; scaled where it was of another.

        Raises:
            InputError: it is of another kind, and is not to be scaled.
        """
        now = _kind(frame)
        if now == self._kind:
            return frame
        if not self._scales:
            change = f"pictures change from {self._kind} to {now} at {clock(seconds)}"
            raise InputError(f"{self._name}: {change}; try --on-change scale")
        if not self._changes or self._changes[-1][0] != now:
            self._changes.append((now, seconds))
        return frame.reformat(*self._size, self._format, interpolation=Interpolation.BICUBIC)

    @property
    def notice(self) -> str | None:
        """That pictures were scaled so far, and since when."""
        if not self._changes:
            return None
        now, seconds = self._changes[0]
        more = f", and {len(self._changes) - 1} times more" if len(self._changes) > 1 else ""
        return f"Pictures change to {now} at {clock(seconds)}{more}; they were scaled to the size of the first."


def _kind(frame: av.VideoFrame) -> str:
    return f"{frame.width}×{frame.height} {stored_format(frame)}"

"""The source, read beside what was made of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

from torch import Tensor

from ..codecs.source import open_source
from ..codecs.source_options import SourceOptions
from ..colour.shown import shown_signal
from ..errors import DamagedPictureError
from .clip import Clip
from .report import Check

SYNC_TOLERANCE = Fraction(1, 1000)
"""Seconds that sound may have moved against the pictures: Matroska counts milliseconds."""


class Original:
    """The source, read picture by picture; what it can't give is its own error, and nothing of the delivery.

    Args:
        stack: closes it.
        name: of it.
        options: which of its pictures were converted, and how they were read.

    Raises:
        InputError: it can't be opened.
    """

    def __init__(self, stack: ExitStack, name: str, options: SourceOptions) -> None:
        self._options = options
        self._opened = stack.enter_context(open_source(name, options))
        self._batches = self._opened.batches(1)
        self._clip = Clip.beside(self._opened.companions)
        self.info = self._opened.info

    def next_picture(self) -> Tensor | None:
        """R′G′B′ (1, 3, H, W), or None behind the last.

        Raises:
            InputError: it can't be decoded.
        """
        try:
            batch = next(self._batches, None)
        except DamagedPictureError as error:
            raise DamagedPictureError(f"{error}; if that was passed over, give --on-corrupt repeat here too") from None
        if batch is None:
            return None
        self._clip.add(batch)
        return shown_signal(batch.planes, batch.signal)

    @property
    def times(self) -> list[Fraction]:
        """Of all pictures, seconds; reads on to the last."""
        while self.next_picture() is not None:
            pass
        return self._clip.times

    def count(self, found: int) -> Check:
        """Whether a delivery has as many pictures."""
        wanted = len(self.times)
        hint = found < wanted and not self._options.is_excerpt
        advice = "; if it is an excerpt, give its --start and --frames" if hint else ""
        return Check("frame count", found == wanted, f"{found}, the source has {wanted}{advice}")

    def compare(self, clip: Clip) -> Iterator[Check]:
        """Pictures, times and sound against those of what was made of it."""
        times = self.times
        yield self.count(len(clip.times))
        errors = [abs((a - clip.times[0]) - (b - times[0])) for a, b in zip(clip.times, times, strict=False)]
        worst = max(errors, default=Fraction(0))
        yield Check("times", worst <= SYNC_TOLERANCE, f"{float(worst) * 1000:.3f} ms off at most")
        for stream, count in self._clip.counts.items():
            found = clip.counts.get(stream, 0)
            unit = "bytes" if stream in self._clip.uncompressed else "packets"
            codec = self._clip.codecs[stream]
            recoded = clip.codecs.get(stream, codec) != codec  # lines that overlap are divided
            detail = f"{found} {unit}, the source has {count}{' in another codec' if recoded else ''}"
            yield Check(stream, found >= count > 0 if recoded else found == count, detail)
            if stream in clip.begins and stream in self._clip.begins and clip.times:
                moved = (clip.begins[stream] - clip.times[0]) - (self._clip.begins[stream] - times[0])
                detail = f"{float(moved) * 1000:+.3f} ms against the source"
                yield Check(f"{stream} sync", abs(moved) <= SYNC_TOLERANCE, detail)

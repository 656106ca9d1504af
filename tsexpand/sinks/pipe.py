"""Raw HDR pictures to another program: YUV4MPEG2 on standard output."""

import os
import sys
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from torch import Tensor

from ..codecs.y4m import FALLBACK_RATE, picture, stream_header
from ..colour.hdr10 import ContentLight
from ..colour.signal import SignalFormat
from ..errors import ClosedPipe, OutputError, output_error
from ..frames import LightBatch, SignalBatch, VideoInfo
from . import Fetch
from .video_signal import VideoSignal, transparency_notices

STDOUT = Path("-")
"""The name of standard output."""


class PipeSink:
    """Writes pictures to a pipe as they come; what was written can't be taken back.

    Args:
        info: of the source.
        signal: HDR10 or HLG10.
        has_companions: whether there is anything beside the pictures, which is not written.
        pipe: where to; standard output where None.
    """

    def __init__(
        self, info: VideoInfo, signal: SignalFormat, has_companions: bool, pipe: BinaryIO | None = None
    ) -> None:
        self._info = info
        self._pipe = pipe or sys.stdout.buffer
        self._light = VideoSignal(signal)
        self._has_companions = has_companions
        self._step = 1 / (info.frame_rate or FALLBACK_RATE)
        self._begin: Fraction | None = None
        self._count = self._displaced = 0

    @property
    def notices(self) -> tuple[str, ...]:
        """What y4m can't carry."""
        notices = [*transparency_notices(self._info)]
        if self._has_companions:
            notices.append("y4m carries pictures only: sound, subtitles and chapters are not written.")
        if self._info.display_matrix is not None:
            notices.append("y4m carries no rotation: the pictures are written as coded.")
        if self._info.frame_rate is None:
            notices.append(f"y4m needs a frame rate, and there is none: {FALLBACK_RATE} a second are stated.")
        elif self._displaced:
            notices.append(f"y4m carries no times: {self._displaced} pictures are not shown when they were.")
        return tuple(notices)

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of what was prepared, for the encoder that comes after."""
        return self._light.content_light

    def __enter__(self) -> Self:
        if self._pipe.isatty():
            raise OutputError("-: standard output is a terminal; pipe it into another program, or name a file")
        self._send(stream_header(self._info))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the pipe open: whose it is closes it."""

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> SignalBatch:
        """See `VideoSignal.prepare`."""
        return self._light.prepare(batch, fetch)

    def write(self, prepared: SignalBatch) -> None:
        """Writes one batch.

        Raises:
            ClosedPipe: who read has gone.
            OutputError: it can't be written for another reason.
        """
        for i, timing in enumerate(prepared.timings):
            self._begin = timing.seconds if self._begin is None else self._begin
            expected = self._begin + self._count * self._step
            self._displaced += abs(timing.seconds - expected) > self._step / 2
            self._count += 1
            self._send(picture(tuple(plane[i] for plane in prepared.planes)))

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Sends what is left; raises as `write` does."""
        self._send(b"")
        return (STDOUT,)

    def _send(self, data: bytes) -> None:
        try:
            self._pipe.write(data)
            self._pipe.flush()
        except OSError as error:
            # What is left in the buffer has nowhere to go, and must not be tried again at the end of the process.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._pipe.fileno())
            if isinstance(error, BrokenPipeError):
                raise ClosedPipe from error
            raise output_error(Path("standard output"), error) from error

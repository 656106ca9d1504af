"""Pictures of interlaced video, two fields of different times woven together, as whole pictures of one time each.

Reference:
    FFmpeg's filter bwdif (Bob Weaver deinterlacing filter: yadif's prediction with w3fdif's interpolation).
"""

from collections.abc import Iterable, Iterator
from enum import Enum

import av
from av.error import FFmpegError
from av.filter import Graph
from av.video.stream import VideoStream

from ..errors import InputError
from .opening import reason

FIELD_ORDERS = {
    2: "top field first",
    3: "bottom field first",
    4: "bottom field first, coded second",
    5: "top field first, coded second",
}
"""By FFmpeg's AVFieldOrder; the others are progressive and unknown."""

_TOP_FIRST = (2, 5)

UNFLAGGED_CODECS = frozenset({"rawvideo", "v210", "v210x", "v308", "v408", "v410", "r210", "huffyuv", "ffvhuff"})
"""Codecs whose decoders leave pictures unmarked; what their container says of fields is then all that is known."""


class Deinterlacing(Enum):
    """What becomes of interlaced pictures.

    OFF: they stay woven.
    FRAME: each becomes one whole picture, at its time.
    FIELD: each field becomes a whole picture, so that there are twice as many: motion as smooth as it was.
    """

    OFF = "off"
    FRAME = "frame"
    FIELD = "field"


def is_interlaced(stream: VideoStream, frame: av.VideoFrame) -> bool:
    """Whether a picture is to be divided into fields: as it is marked, or where no decoder marks them as the stream."""
    unmarked = stream.codec_context.codec.canonical_name in UNFLAGGED_CODECS
    return frame.interlaced_frame or (unmarked and stream.codec_context.field_order in FIELD_ORDERS)


class Deinterlacer:
    """Pictures without combs; progressive ones go through untouched.

    Args:
        name: of the input, for errors.
        stream: that the pictures are of.
        mode: what becomes of them.

    Attributes:
        mode: likewise.
        has_combs: whether there was an interlaced picture.
    """

    def __init__(self, name: str, stream: VideoStream, mode: Deinterlacing) -> None:
        self._name = name
        self._stream = stream
        self.mode = mode
        self.has_combs = False

    def pictures(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The pictures, in order; the filter begins with the first that is interlaced, and again where they change.

        Raises:
            InputError: a picture can't be filtered.
        """
        graph: _Graph | None = None
        for frame in frames:
            if graph is not None and graph.kind != _kind(frame):
                yield from graph.end()
                graph = None
            if graph is None and is_interlaced(self._stream, frame):
                self.has_combs = True
                if self.mode is not Deinterlacing.OFF:
                    self._refuse_hardware(frame)
                    graph = _Graph(self._name, self._stream, self.mode, frame)
            if graph is None:
                yield frame
            else:
                yield from graph.push(frame)
        if graph is not None:
            yield from graph.end()

    def _refuse_hardware(self, frame: av.VideoFrame) -> None:
        if frame.sw_format is not None:
            advice = "try --deinterlace off, or leave out --hwaccel"
            raise InputError(f"{self._name}: pictures become interlaced, which can't be undone on a GPU; {advice}")

    @property
    def has_begun(self) -> bool:
        """Whether a picture was deinterlaced."""
        return self.has_combs and self.mode is not Deinterlacing.OFF

    @property
    def notice(self) -> str | None:
        """What was found and done, once there was a picture."""
        order = FIELD_ORDERS.get(self._stream.codec_context.field_order)
        if self.has_begun:
            each = "frame" if self.mode is Deinterlacing.FRAME else "field"
            return f"Interlaced ({order or 'field order unknown'}): deinterlaced, a picture for each {each}."
        if self.has_combs:
            return f"Interlaced ({order or 'field order unknown'}): left so, as asked for."
        if order is not None and self.mode is not Deinterlacing.OFF:
            return f"The stream says that it is interlaced ({order}), the pictures that they are not: left as they are."
        return None


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


class _Graph:
    """The filter for pictures of one kind."""

    def __init__(self, name: str, stream: VideoStream, mode: Deinterlacing, frame: av.VideoFrame) -> None:
        self._name = name
        self.kind = _kind(frame)
        marked = frame.interlaced_frame
        options = {
            "mode": f"send_{mode.value}",
            # Of marked pictures the filter reads order and kind itself.
            "parity": "auto" if marked else "tff" if stream.codec_context.field_order in _TOP_FIRST else "bff",
            "deint": "interlaced" if marked else "all",
        }
        self._graph = Graph()
        width, height, pixel_format = self.kind
        try:
            source = self._graph.add_buffer(
                width=width, height=height, format=av.VideoFormat(pixel_format),
                time_base=frame.time_base or stream.time_base,
            )  # fmt: skip
            bwdif = self._graph.add("bwdif", ":".join(f"{key}={value}" for key, value in options.items()))
            sink = self._graph.add("buffersink")
            source.link_to(bwdif)
            bwdif.link_to(sink)
            self._graph.configure()
        except (FFmpegError, ValueError) as error:
            raise self._error(error) from None

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """The pictures that are ready after another one."""
        try:
            self._graph.vpush(frame)
        except FFmpegError as error:
            raise self._error(error) from None
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            except FFmpegError as error:
                raise self._error(error) from None

    def end(self) -> Iterator[av.VideoFrame]:
        """What is left."""
        return self.push(None)

    def _error(self, error: Exception) -> InputError:
        why = reason(error) if isinstance(error, FFmpegError) else str(error)
        return InputError(f"{self._name}: can't be deinterlaced ({why}); try --deinterlace off")

"""NUT: raw pictures with their exact times, and the other streams beside them, for another program."""

from contextlib import suppress

import av
from av.error import FFmpegError

from ..colour.signal import SignalFormat
from ..colour.ycbcr import Planes
from ..frames import Packets, Timing, VideoInfo
from .bare_pictures import Writable, colour_arguments
from .companions import Companions
from .passthrough import Container, Passthrough, lasting, sort_streams
from .pixels import frame_from_planes
from .y4m import FALLBACK_RATE

_PLANES = "yuv420p10le"


class NutWriter:
    """Writes 10-bit 4:2:0 pictures and copied packets to a stream.

    Args:
        stream: where to.
        info: of the pictures.
        signal: HDR10 or HLG10, which NUT has no words for.
        companions: what travels with the pictures.
    """

    def __init__(self, stream: Writable, info: VideoInfo, signal: SignalFormat, companions: Companions) -> None:
        streams, dropped = sort_streams(companions.streams, Container.NUT)
        told = f"NUT does not say what colour means; FFmpeg must be told: {colour_arguments(signal)}"
        self._notices = [told, *dropped]
        if info.display_matrix is not None:
            self._notices.append("NUT carries no rotation: the pictures are written as coded.")
        self._output = av.open(stream, "w", Container.NUT.value)
        self._video = self._output.add_stream("rawvideo", rate=info.frame_rate or FALLBACK_RATE)
        context = self._video.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, _PLANES
        context.time_base = self._video.time_base = info.time_base
        context.sample_aspect_ratio = info.sample_aspect_ratio
        self._video.metadata.update(lasting(companions.video_metadata))
        self._passthrough = Passthrough(self._output, streams, companions)
        self._output.start_encoding()

    @property
    def notices(self) -> tuple[str, ...]:
        """What was dropped or repaired so far, and what the reader must be told."""
        return (*self._notices, *self._passthrough.notices)

    def write(self, planes: Planes, timings: tuple[Timing, ...], packets: Packets) -> None:
        """Writes pictures and copies packets; see `VideoWriter.write`."""
        self._passthrough.mux(packets)
        for i, timing in enumerate(timings):
            frame = frame_from_planes(tuple(plane[i] for plane in planes), _PLANES)
            frame.pts, frame.time_base, frame.duration = timing.pts, timing.time_base, timing.duration
            for packet in self._video.codec_context.encode(frame):
                packet.stream, packet.time_base, packet.duration = self._video, timing.time_base, timing.duration
                self._output.mux(packet)

    def finish(self) -> None:
        """Writes the end."""
        self._passthrough.flush()
        self._output.close()

    def close(self) -> None:
        """Lets go, of an unfinished one, too."""
        with suppress(FFmpegError):
            self._output.close()

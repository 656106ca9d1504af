"""Decoded pictures of one stream, in order of display, and the packets met on the way."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor
from typing import Protocol

import av
from av.stream import Stream
from av.video.stream import VideoStream

from ..errors import Cancelled, DamagedPictureError, InputError
from ..frames import clock
from .companion_packets import AnyPacket, CompanionPackets
from .completeness import MP4, Completeness
from .opening import OpenInput, reason

MAX_DAMAGED = 250
"""Packets in a row that may be skipped: before the first good picture, as of a recording that begins between keyframes,
or where they are replaced."""

SEEK_MARGINS = (0, 2, 8, 32)
"""Seconds to search further back, in turn: MPEG-TS is entered anywhere, not at a keyframe."""

INTERLEAVE = Fraction(2)
"""Seconds by which sound may come later in the file than the picture it belongs to."""

ONE_PICTURE_A_PACKET = frozenset({"h264", "hevc", "ffv1", "png"})
"""Codecs, beside those of intra pictures only, whose every packet gives a picture. Not so in MPEG-4 part 2 (packed
B-pictures), VP8, VP9 and AV1 (hidden pictures), and where fields come one by one."""


class Decoder(Protocol):
    """Packets to pictures, as PyAV's contexts do it."""

    def decode(self, packet: AnyPacket, /) -> list[av.VideoFrame]:
        """The pictures that are ready after a packet, or after the last, which is empty."""
        ...

    def flush_buffers(self) -> None:
        """Before packets from another place."""
        ...


class PictureReader:
    """Reads an open input from where it stands.

    Args:
        name: of the input, for errors.
        opened: the input.
        video: the stream to decode.
        decoder: that decodes it.
        companions: streams whose packets are kept.
        repeats: whether a picture that can't be decoded is replaced by the one before it, at its own time.

    Attributes:
        packets: of the companions, met so far.
        damaged: packets that were skipped before the first good picture.
        replaced: times of pictures that were replaced.
        skipped: damaged packets behind the first good picture.
        completeness: of what was read so far.
    """

    def __init__(
        self,
        name: str,
        opened: OpenInput,
        video: VideoStream,
        decoder: Decoder,
        companions: Sequence[Stream],
        repeats: bool = False,
    ) -> None:
        self._name = name
        self._repeats = repeats
        self._opened = opened
        self._container = opened.container
        self._video = video
        self._decoder = decoder
        self._companions = companions
        self._end: Fraction | None = None  # of the last good picture
        self._owed: list[Fraction] = []  # times of packets behind it, each of which should give a picture
        self.packets = CompanionPackets(name)
        self.damaged = 0
        self.replaced: list[Fraction] = []
        self.skipped = 0
        self._good: av.VideoFrame | None = None  # the last one, where it may have to be repeated
        self._in_a_row = 0  # packets and pictures that were bad, since the last good one
        self.completeness = Completeness(opened, video, companions)
        self._is_interlaced = False
        self._is_cancelled = False
        self._is_closed = False
        self._demuxed: Iterator[AnyPacket] = self._demux()
        self._pictures: Iterator[av.VideoFrame] = self._decode()

    def __iter__(self) -> Iterator[av.VideoFrame]:
        return self._pictures

    def seek(self, target: Fraction) -> av.VideoFrame:
        """Goes to a keyframe at or before a time; packets met before are forgotten.

        Returns:
            The first picture from there on; iteration goes on behind it.

        Raises:
            InputError: no such picture can be found.
        """
        for margin in SEEK_MARGINS:
            frame = self._enter(target - margin)
            if frame is not None and frame.pts is not None and frame.pts * self._unit(frame) <= target:
                return frame
        raise InputError(f"{self._name}: no keyframe found before {clock(target)}; try without a start")

    def _enter(self, time: Fraction) -> av.VideoFrame | None:
        earliest = min(0, self._video.start_time or 0)  # before which there is nothing, and to AVI it is an error
        try:
            self._container.seek(max(earliest, floor(time / (self._video.time_base or 1))), stream=self._video)
        except av.error.FFmpegError as error:
            raise InputError(f"{self._name}: can't be searched for {clock(time)} ({reason(error)})") from None
        if self._decoder is not self._video.codec_context:
            self._decoder.flush_buffers()  # as PyAV has done with the stream's own
        self.packets.clear()
        self._end = None
        self._owed = []
        self.damaged = 0
        self.replaced = []
        self.skipped = 0
        self._good = None
        self._demuxed = self._demux()
        self._pictures = self._decode()
        return next(self._pictures, None)

    def read_packets_until(self, end: Fraction) -> None:
        """Reads on without decoding, until the companions' packets before a time must all have come."""
        for packet in self._demuxed:
            if packet.stream.index != self._video.index:
                self.packets.add(packet)
            if packet.dts is not None and packet.dts * packet.time_base > end + INTERLEAVE:
                return

    @property
    def lost_end(self) -> Fraction | None:
        """When a picture should have come after the last: FFmpeg's threads silently drop damage at a file's end."""
        late = [time for time in self._owed if self._end is not None and time >= self._end]
        return min(late, default=None)

    def check_end(self) -> Fraction | None:
        """Where the end of the video could not be decoded, from when on.

        Raises:
            InputError: there are pictures missing for certain, as each packet should have given one.
        """
        lost = self.lost_end
        if lost is not None and self._each_packet_gives_one:
            raise DamagedPictureError(f"{self._name}: undecodable at {clock(lost)} (damaged end)")
        return lost

    @property
    def _each_packet_gives_one(self) -> bool:
        codec = self._video.codec_context.codec
        return not self._is_interlaced and (codec.intra_only or codec.canonical_name in ONE_PICTURE_A_PACKET)

    def cancel(self) -> None:
        """Makes iteration raise `Cancelled`: where it waits for a pipe at once, else at the next packet."""
        self._is_cancelled = True
        if self._opened.pipe is not None:
            self._opened.pipe.cancel()

    def close(self) -> None:
        """Before the container is closed: PyAV crashes where an iteration goes on after that."""
        self._is_closed = True
        # These refer to us: without them the decoder's threads end at once.
        self._demuxed = iter(())
        self._pictures = iter(())

    def _demux(self) -> Iterator[AnyPacket]:
        packets = self._container.demux(self._video, *self._companions)
        while not self._is_closed:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                self._opened.check()
                raise self._undecodable(reason(error)) from None
            self._opened.check()  # to FFmpeg, what ends a read early is the end of the file
            if self._is_cancelled:
                raise Cancelled
            if packet is None:
                return
            if not self.completeness.add(packet):
                continue
            yield packet
        raise ValueError(f"{self._name} is closed")

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._demuxed:
            if packet.stream.index != self._video.index:
                self.packets.add(packet)
                continue
            if packet.pts is not None and not packet.is_discard:
                self._owed.append(packet.pts * packet.time_base)
            yield from self._frames(packet)
        yield from self._replacements(None)

    def _frames(self, packet: AnyPacket) -> Iterator[av.VideoFrame]:
        """The good pictures that a packet gives; damage is skipped before the first, after it replaced, or an error."""
        try:
            frames = self._decoder.decode(packet)
        except av.error.FFmpegError as error:
            self._skip_damage(reason(error))
            return
        for frame in frames:
            if frame.is_corrupt:
                self._skip_damage("damaged picture")
                continue
            yield from self._replacements(frame)
            self._place(frame)
            self._in_a_row = 0
            self._good = frame if self._repeats else None
            yield frame

    def _replacements(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """The last good picture at the times of those that should have come between it and the next, or the end."""
        good = self._good
        if good is None or good.pts is None or not self._each_packet_gives_one:
            return
        unit = self._unit(good)
        begin = good.pts * unit
        end = None if frame is None or frame.pts is None else frame.pts * self._unit(frame)
        for time in sorted(time for time in self._owed if begin < time and (end is None or time < end)):
            self.replaced.append(time)
            good.pts = round(time / unit)
            self._place(good)
            yield good

    def _skip_damage(self, why: str) -> None:
        self._in_a_row += 1
        if self._end is None:
            self.damaged += 1
        elif not self._repeats:
            raise self._undecodable(why)
        else:
            self.skipped += 1
        if self._in_a_row > MAX_DAMAGED:
            raise self._undecodable(why)

    def _undecodable(self, why: str) -> DamagedPictureError:
        if self._end is None and not self._opened.is_file and self._opened.format == MP4:
            where = "a pipe" if self._opened.pipe is not None else "a server without byte ranges"
            why += f"; an MP4 from {where} needs its index in front: write it with -movflags +faststart"
            why += ", or name the file" if self._opened.pipe is not None else ", or download it"
        time = min(self._owed, default=self._end or Fraction(0))
        return DamagedPictureError(f"{self._name}: undecodable at {clock(time)} ({why})")

    def _place(self, frame: av.VideoFrame) -> None:
        """Notes how far the pictures have come."""
        if frame.pts is None:
            self._end = self._end or Fraction(0)
            return
        begin = frame.pts * self._unit(frame)
        self._end = begin + frame.duration * self._unit(frame)
        self._owed = [time for time in self._owed if time > begin]
        self._is_interlaced |= frame.interlaced_frame

    def _unit(self, frame: av.VideoFrame) -> Fraction:
        return frame.time_base or self._video.time_base or Fraction(1)

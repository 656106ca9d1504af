"""Whether an input holds all that its headers promise, or was cut off.

Formats are judged only where they make a promise of their own. What FFmpeg estimates, such as a
duration from a bit rate, is none; a transport stream or a live recording may end anywhere.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import av
from av.stream import Stream
from av.video.stream import VideoStream

from .companion_packets import AnyPacket, packet_time
from .file_end import missing_bytes, states_duration
from .input_format import RAW
from .opening import COVER_ART, OpenInput, stated_frames

MP4, MATROSKA, AVI, Y4M = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "yuv4mpegpipe"
"""FFmpeg's names of the formats that promise something."""

_FLAG_TORN = frozenset({MP4, AVI, RAW})
"""Formats whose demuxers call a packet corrupt where the file ends within it, and for no other reason."""

TOLERANCE = Fraction(2, 5)
"""Seconds that the pictures may fall short of a stated duration: last pictures without one, rounding, padding."""

TOLERANCE_SHARE = Fraction(1, 50)
"""Likewise, as a share of the duration: rates that were stated inexactly."""

_TAGGED = re.compile(r"([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,12})?)")

SPARE_ENTRIES = 1
"""Pictures in an MP4's index that may be missing from its end: it is exact, but one is not worth a refusal."""


class Completeness:
    """Follows the packets of an input, from wherever it is read.

    Args:
        opened: the input.
        video: the stream that is judged.
        companions: the other streams whose packets are seen.
    """

    def __init__(self, opened: OpenInput, video: VideoStream, companions: Sequence[Stream]) -> None:
        container = opened.container
        self._opened, self._container = opened, container
        self._video = video
        self._format = opened.format
        seen = {video.index, *(stream.index for stream in companions)}
        self._sees_all = all(stream.index in seen or not _has_time(stream) for stream in container.streams)
        self._is_torn = False
        self.raw_size = self._last_byte = 0  # size of the first picture's packet; where the last one's ends
        self._last_dts: int | None = None
        self._pictures = 0
        self._video_begin: Fraction | None = None
        self._video_end = self._latest_begin = self._latest_end = Fraction(0)

    def add(self, packet: AnyPacket) -> bool:
        """Notes how far the input goes.

        Returns:
            False for a picture's packet that the end of the file has torn: it must not be decoded.
        """
        begin = packet_time(packet)
        end = begin + (packet.duration or 0) * packet.time_base
        is_video = packet.stream.index == self._video.index
        if is_video and self._is_short_read(packet):
            self._is_torn = True
            return False
        self._latest_begin = max(self._latest_begin, begin)
        self._latest_end = max(self._latest_end, end)
        if is_video and packet.size:
            self._pictures += 1
            self.raw_size = self.raw_size or packet.size
            self._last_byte = (packet.pos or 0) + packet.size
            self._video_begin = begin if self._video_begin is None else self._video_begin
            self._video_end = max(self._video_end, end)
            self._last_dts = packet.dts if packet.dts is not None else self._last_dts
        return True

    def missing(self) -> int | None:
        """At the end of the input: about how many pictures should have come, or None where all is well."""
        count = self._unread_entries() if self._format == MP4 else self._short_pictures()
        if count is None and (self._is_torn or self._ends_within_pictures()):
            return 1
        return count

    @cached_property
    def missing_bytes(self) -> int:
        """How many bytes before its outermost parts do a file ends whose duration is judged, which is then exact."""
        is_judged = self._format in (AVI, MATROSKA) and self._opened.is_file
        return missing_bytes(self._opened.path) or 0 if is_judged else 0

    def _is_short_read(self, packet: AnyPacket) -> bool:
        """Whether the end of the input has torn a picture's packet."""
        if packet.is_corrupt and self._format in _FLAG_TORN:
            return True
        # Raw pictures, in whichever container, are all of one size.
        return self._video.codec_context.name == RAW and 0 < packet.size < self.raw_size

    def _ends_within_pictures(self) -> bool:
        """Whether there are bytes of a picture that FFmpeg passes over in silence."""
        if self._format == Y4M:
            return self._opened.length is not None and self._opened.length > self._last_byte
        pipe = self._opened.pipe
        return (
            self._format == MATROSKA
            and pipe is not None
            and not self._container.duration
            and pipe.matroska_end.is_within_pictures
        )

    def _unread_entries(self) -> int | None:
        """By the index, which is in decoding order, and which edit lists have been applied to."""
        entries, unread = self._video.index_entries, 0
        if self._last_dts is None:
            return None
        while unread < len(entries) and entries[len(entries) - 1 - unread].timestamp > self._last_dts:
            unread += 1
        return unread if unread > SPARE_ENTRIES or (unread and self._is_torn) else None

    def _short_pictures(self) -> int | None:
        """By the duration that the headers state."""
        promised = self._promised_end()
        if promised is None or not self._is_short(self._video_end, promised):
            return None
        return max(1, round((promised - self._video_end) / (self._step() or 1)))

    def _promised_end(self) -> Fraction | None:
        if self._format == AVI and (frames := stated_frames(self._video)) and self._video.time_base:
            return frames * self._video.time_base  # FFmpeg shortens the duration of a cut file, not this
        if self._format == MATROSKA and self._container.duration and self._states_duration:
            # The duration of the longest stream. A stream's own is a tag, which some tools copy where they cut:
            # believed only where the file as a whole is short too.
            whole = Fraction(self._container.duration, av.time_base)
            own = _tagged_duration(self._video)
            if own is None and not self._sees_all:
                return None
            # A subtitle that begins before the cut may end behind it; without a tag that is no proof.
            latest = self._latest_end if own is None else self._latest_begin
            return (own or whole) if self._is_short(latest, whole) else None
        return None

    @cached_property
    def _states_duration(self) -> bool:
        """Whether a Matroska says how long it is; of a file FFmpeg else makes it up from its size and a bit rate."""
        return not self._opened.is_file or states_duration(self._opened.path)

    def _is_short(self, end: Fraction, promised: Fraction) -> bool:
        forgiven = Fraction(0) if self.missing_bytes else max(TOLERANCE, promised * TOLERANCE_SHARE)
        return end + max(forgiven, 2 * self._step()) < promised

    def _step(self) -> Fraction:
        """Seconds from picture to picture, as they came: of a cut file FFmpeg guesses the rate."""
        if self._video_begin is None:
            return Fraction(0)
        return max(Fraction(0), self._video_end - self._video_begin) / self._pictures


def _has_time(stream: Stream) -> bool:
    return stream.type != "attachment" and not stream.disposition & COVER_ART


def _tagged_duration(stream: Stream) -> Fraction | None:
    """Of a Matroska stream, as its writer tagged it: 00:00:17.063000000."""
    stated = _TAGGED.fullmatch(stream.metadata.get("DURATION", ""))
    if stated is None:
        return None
    hours, minutes, seconds = (Fraction(part) for part in stated.groups())
    return hours * 3600 + minutes * 60 + seconds

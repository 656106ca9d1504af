"""Decoding: an input of any kind to batches of code values with exact times."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Any, Self, cast

import av

from ..errors import InputError
from ..frames import SignalBatch, Timing, clock
from .companions import COMPANION_TYPES, KEPT_TYPES, Companions
from .completeness import AVI
from .deinterlacing import Deinterlacer
from .description import describe, refuse_hdr
from .excerpt import Excerpt
from .hardware import HardwareDecoder
from .input_format import RAW
from .opening import decoder_of, find_video, open_input
from .picture_kind import PictureKind
from .pictures import PictureReader
from .pixels import alpha_from_frames, planes_from_frames
from .source_options import WHOLE, SourceOptions
from .timeline import Timeline

SEARCHABLE_FORMATS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts"})
"""Containers in which a keyframe is found by its time; others are decoded from their beginning."""

REORDERED_IN_AVI = frozenset({"h264", "hevc"})
"""Codecs whose pictures AVI counts in order of decoding, and FFmpeg takes for that of display (of others it knows)."""


class VideoSource:
    """An input video, open from construction to the end of its `with` block.

    Args:
        name: a path, an address that FFmpeg knows, or `-` for standard input.
        options: which of its pictures are wanted, and how they are read.

    Attributes:
        files: names of all that is read.
        info: what is known of the clip. Notices on repairs are added while it is decoded.
        companions: the other streams, chapters and metadata; for an excerpt its own, see `Excerpt`.
        beginning: of the clip's first picture, in seconds on the input's clock.
        begin: of the first wanted picture, likewise; absent until it has been decoded.

    Raises:
        InputError: it can't be opened, has no picture, is HDR already, or is not supported.
        DeviceError: the GPU that is to decode it can't be used.
    """

    def __init__(self, name: str, options: SourceOptions = WHOLE) -> None:
        self._name = name
        self.files: tuple[str, ...] = (name,)
        self._start = options.start
        self._limit = options.frames
        self._overrides = options.overrides
        self.begin: Timing | None = None
        self._is_excerpt = options.is_excerpt
        self._is_cut = False
        self._hardware: HardwareDecoder | None = None
        self._opened = open_input(name, options.format)
        self._container = self._opened.container
        try:
            self._video = find_video(self._container, name, options.stream)
            refuse_hdr(name, self._video.codec_context.color_trc, options.overrides)
            self.companions = self._find_companions()
            with_packets = [s for s in self.companions.streams if s.type in COMPANION_TYPES]
            software = decoder_of(self._video)
            if options.hardware is not None:
                self._hardware = HardwareDecoder(self._video, software, options.hardware, options)
            decoder = self._hardware or software
            self._reader = PictureReader(name, self._opened, self._video, decoder, with_packets, options.repeats)
            self._deinterlacer = Deinterlacer(name, self._video, options.deinterlacing)
            self._pictures = self._deinterlacer.pictures(self._reader)
            self._first = self._decode_first()
            self._refuse_torn_raw()
            self._kind = PictureKind(name, self._first, options.scales)
            shown = (self._hardware and self._hardware.take_model()) or self._first
            self.info = describe(name, self._opened, self._video, shown, options.overrides, self._deinterlacer)
            self.info = replace(self.info, frame_rate=options.format.frame_rate or self.info.frame_rate)
            self.beginning = self._new_timeline().place(self._first).seconds
            self._describe_excerpt()
        except BaseException:
            self._close()
            raise
        self._notice_damage()
        if self._hardware is not None and self._hardware.notice is not None:
            self._add_notice(self._hardware.notice)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pictures = iter(())  # it holds the reader's
        self._reader.close()
        self._close()

    def _close(self) -> None:
        if self._hardware is not None:
            self._hardware.close()
        self._opened.close()

    def cancel(self) -> None:
        """Makes `batches` raise `Cancelled`, at once where it waits for a pipe; from any thread, at any time."""
        self._reader.cancel()

    def batches(self, batch_size: int) -> Iterator[SignalBatch]:
        """Decodes, once.

        Args:
            batch_size: pictures in a batch, fewer in the last.

        Returns:
            Batches in order of display. One batch is held back, so that the last carries all
            packets that come after the last picture.

        Raises:
            InputError: undecodable, cut off, or the pictures change their size or kind.
            Cancelled: after `cancel`.
        """
        held: list[tuple[av.VideoFrame, Timing]] = []
        for picture in self._wanted():
            if len(held) == batch_size:
                yield self._batch(held, is_last=False)
                held = []
            held.append(picture)
        yield self._batch(held, is_last=True)

    def _find_companions(self) -> Companions:
        return Companions(
            streams=tuple(s for s in self._container.streams if s.type in KEPT_TYPES),
            chapters=tuple(cast(dict[str, Any], c) for c in self._container.chapters()),
            metadata=self._container.metadata,
            video_metadata=self._video.metadata,
        )

    def _describe_excerpt(self) -> None:
        if not self._is_excerpt:
            return
        excerpt = Excerpt.foresee(self.info, self.beginning, self._start, self._limit)
        self.info = excerpt.info(self.info)
        self.companions = excerpt.companions(self.companions, self.info)

    def _decode_first(self) -> av.VideoFrame:
        frame = next(self._pictures, None)
        if frame is None and self._opened.format == RAW:
            raise InputError(f"{self._name}: not one whole picture of {self._raw_picture()}")
        if frame is None:
            raise InputError(f"{self._name}: no decodable picture")
        return frame

    def _raw_picture(self) -> str:
        context = self._video.codec_context
        return f"{context.width}×{context.height} {context.pix_fmt}"

    def _refuse_torn_raw(self) -> None:
        """Refuses a file of raw pictures at once where it holds no whole number of them."""
        size = self._reader.completeness.raw_size
        if self._limit is not None or self._opened.format != RAW or not self._opened.is_file:
            return
        count, rest = divmod(self._opened.length or 0, size)
        if rest:
            holds = f"{count} pictures of {self._raw_picture()}, {size} bytes each, and {rest} bytes more"
            advice = f"it is cut off, or of another size or format; take the whole ones with --frames {count}"
            raise InputError(f"{self._name}: holds {holds}; {advice}")

    def _notice_damage(self) -> None:
        if self._reader.damaged:
            self._add_notice(f"{self._reader.damaged} damaged packets before the first picture were skipped.")

    def _add_notice(self, notice: str) -> None:
        self.info = replace(self.info, notices=(*self.info.notices, notice))

    def _wanted(self) -> Iterator[tuple[av.VideoFrame, Timing]]:
        """The pictures from the start to the limit, with times on the input's clock."""
        timeline = self._new_timeline()
        earliest, frames = self._from_start()
        count = 0
        for frame in frames:
            timing = timeline.place(frame)
            frame = self._checked(frame, timing)
            if earliest is not None and timing.seconds < earliest:
                self._reader.packets.drop_before(timing.seconds)
                continue
            self.begin = self.begin or timing
            yield frame, timing
            count += 1
            if count == self._limit:
                self._is_cut = True
                self._reader.read_packets_until(self._end(timing))
                break
        if not self._is_cut:
            self._check_end(count, self._end(timing))
        if (notice := self._deinterlacer.notice) and notice not in self.info.notices:
            self._add_notice(f"Further on: {notice}")
        if (notice := self._kind.notice) is not None:
            self._add_notice(notice)
        if replaced := self._reader.replaced:
            first = f"the first at {clock(replaced[0])}"
            self._add_notice(f"{len(replaced)} damaged pictures were replaced by the one before, {first}.")
        elif self._reader.skipped:
            self._add_notice(f"{self._reader.skipped} damaged packets were skipped; their pictures are missing.")
        if timeline.repaired:
            self._add_notice(f"The times of {timeline.repaired} pictures were missing or out of order; repaired.")

    def _check_end(self, count: int, end: Fraction) -> None:
        """Where the input itself ended: whether it holds what it should.

        Args:
            count: of wanted pictures.
            end: of the last picture.

        Raises:
            InputError: it was cut off, its end is damaged, or no picture was wanted.
        """
        if (missing := self._reader.completeness.missing()) is not None:
            there = f"{count} of about {count + missing} frames are there"
            advice = f"get it whole, or take those with --frames {count}" if count else "get it whole"
            raise InputError(f"{self._name}: cut off at {clock(end)}: {there}; {advice}")
        if count == 0:
            length = f"it is {clock(end - self.beginning)} long"
            raise InputError(f"{self._name}: ends before the start at {clock(self._start or Fraction(0))}; {length}")
        if (lost := self._reader.check_end()) is not None:
            self._add_notice(f"The end of the video could not be decoded: nothing from {clock(lost)} on.")
        if lacking := self._reader.completeness.missing_bytes:
            self._add_notice(f"The file lacks its last {lacking} bytes: a few pictures may be missing at its end.")

    def _from_start(self) -> tuple[Fraction | None, Iterator[av.VideoFrame]]:
        """The earliest time that is wanted, if not all is, and pictures from there or from some way before."""
        first = self._first
        del self._first  # so that it is not held in memory to the end
        if self._start is None:
            return None, chain([first], self._pictures)
        earliest = self.beginning + self._start
        if self._start > 0 and first.pts is not None and self._is_searchable():
            before = max(self.beginning, self._deinterlaced_from(earliest))
            self._pictures = self._deinterlacer.pictures(chain([self._reader.seek(before)], self._reader))
            return earliest, self._pictures
        return earliest, chain([first], self._pictures)

    def _deinterlaced_from(self, time: Fraction) -> Fraction:
        """When to begin so that a picture is what it would be in the whole clip: the filter looks at the one before."""
        if not self._deinterlacer.has_begun or self.info.frame_rate is None:
            return time
        return time - 4 / self.info.frame_rate

    def _is_searchable(self) -> bool:
        return self._opened.format in SEARCHABLE_FORMATS and self._opened.is_file

    def _new_timeline(self) -> Timeline:
        is_avi_of_other_order = self._opened.format == AVI and self.info.codec in REORDERED_IN_AVI
        return Timeline(self.info.time_base, self.info.frame_rate, by_packets=is_avi_of_other_order)

    def _checked(self, frame: av.VideoFrame, timing: Timing) -> av.VideoFrame:
        """The picture as `info` says; raises InputError where it is not so, and may not be made so."""
        refuse_hdr(self._name, frame.color_trc, self._overrides)
        return self._kind.kept(frame, timing.seconds)

    def _end(self, timing: Timing) -> Fraction:
        """When a picture ends, on the input's clock."""
        if timing.duration or self.info.frame_rate is None:
            return (timing.pts + timing.duration) * timing.time_base
        return timing.seconds + 1 / self.info.frame_rate

    def _batch(self, pictures: list[tuple[av.VideoFrame, Timing]], is_last: bool) -> SignalBatch:
        """Pictures with the packets that are due with them; where the clip is cut short, none from beyond."""
        frames, timings = zip(*pictures, strict=True)
        begin, shift = None, 0
        if self._start is not None and self.begin is not None:
            begin, shift = self.begin.seconds, self.begin.pts
        whole = self._limit is None or (is_last and not self._is_cut)
        return SignalBatch(
            planes=planes_from_frames(frames),
            signal=self.info.signal,
            timings=tuple(replace(t, pts=t.pts - shift) for t in timings),
            packets=self._reader.packets.take(begin, None if whole else self._end(timings[-1])),
            alpha=alpha_from_frames(frames),
        )

"""Picture files as a source: one on its own, or a sequence at a frame rate."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count
from math import ceil
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from ..errors import Cancelled, DamagedPictureError, InputError
from ..frames import SignalBatch, Timing, clock
from .companions import Companions
from .hardware import in_software
from .source_options import WHOLE, SourceOptions
from .stills.decode import Still, read_still
from .stills.opacity import LOST
from .stills.sequence import Pictures


class PictureSource:
    """Pictures, with the surface of a `VideoSource`.

    Args:
        pictures: the files; with a frame rate they are a clip, each shown for 1 / rate.
        options: which of them are wanted, and how they are read.

    Attributes:
        files: names of all pictures, wanted or not.
        info: what is known. Notices on repairs are added while pictures are decoded.
        companions: nothing.
        beginning: 0, when the first picture is shown.
        begin: when the first wanted picture is.

    Raises:
        InputError: the first picture can't be read, is HDR already, or is not supported.
    """

    def __init__(self, pictures: Pictures, options: SourceOptions = WHOLE) -> None:
        self._pictures = pictures
        self.files = tuple(map(str, pictures.files))
        number = _number(pictures, options.start)
        self._files = pictures.files[number:][: options.frames]
        self._overrides = options.overrides
        self._repeats = options.repeats
        self._scales = options.scales
        self._is_cancelled = False
        self._told_later: list[tuple[int, str]] = []  # pictures of which more is to be said than of the first, and what
        self._first: Still | None = self._read(0)
        self.info = self._first.info
        self.companions = Companions()
        rate = pictures.frame_rate
        if rate is None:
            self.info = replace(self.info, is_still=True)
        else:
            self.info = replace(
                self.info,
                name=pictures.name,
                time_base=1 / rate,
                frame_rate=rate,
                frame_count_from_header=len(pictures.files),  # of all, as of a clip's header
                duration_from_header=len(pictures.files) / rate,
                first_number=1 if pictures.first_number is None else pictures.first_number + number,
                has_alpha=self._first.alpha is not None,  # what is opaque at first may fade later
            )
        self._add_notices(*pictures.notices)
        if options.hardware is not None:
            self._add_notices(in_software("it is no clip"))
        self.beginning = Fraction(0)
        self.begin: Timing | None = Timing(number, self.info.time_base, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._first = None

    def cancel(self) -> None:
        """Makes `batches` raise `Cancelled` at the next picture; from any thread, at any time."""
        self._is_cancelled = True

    def batches(self, batch_size: int) -> Iterator[SignalBatch]:
        """Decodes, once; see `VideoSource.batches`.

        Raises:
            InputError: undecodable, or the pictures change their size, kind or colour.
            Cancelled: after `cancel`.
        """
        held: list[Still] = []
        pts = count()
        for still in self._stills():
            held.append(still)
            if len(held) == batch_size:
                yield self._batch(held, pts)
                held = []
        if held:
            yield self._batch(held, pts)

    def _stills(self) -> Iterator[Still]:
        first, self._first = self._first, None
        assert first is not None  # decoded once
        before, replaced = first, list[int]()
        yield first
        del first
        for number in range(1, len(self._files)):
            if self._is_cancelled:
                raise Cancelled
            try:
                still = self._read(number)
            except InputError as error:
                if not self._repeats:
                    raise DamagedPictureError(str(error)) from error
                replaced.append(number)
            else:
                before = self._checked(number, still)
            yield before
        if replaced:
            when = clock(replaced[0] * self.info.time_base)
            self._add_notices(f"{len(replaced)} damaged pictures were replaced by the one before, the first at {when}.")
        if self._told_later:
            number, notice = self._told_later[0]
            when, count = clock(number * self.info.time_base), len(self._told_later)
            self._add_notices(f"Further on, of {count} pictures, the first at {when}: {notice}")

    def _read(self, number: int) -> Still:
        fit = self.info if number and self._scales else None
        return read_still(str(self._files[number]), self._overrides, fit)

    def _checked(self, number: int, still: Still) -> Still:
        """The picture, if it is as `info` says."""
        info, other = self.info, still.info
        was, now = (f"{i.width}×{i.height} {i.pixel_format}" for i in (info, other))
        if was != now and not self._scales:
            raise InputError(f"{other.name}: is {now}, where the first is {was}; try --on-change scale")
        if (other.signal, other.display_matrix) != (info.signal, info.display_matrix):
            raise InputError(f"{other.name}: its colour or orientation is not that of the first picture")
        lost = [LOST] if other.has_alpha and not info.has_alpha else []
        if other.sample_aspect_ratio != info.sample_aspect_ratio:
            lost.append(f"Pixels are {other.sample_aspect_ratio}:1, and shown as those of the first.")
        if more := [notice for notice in (*lost, *other.notices) if notice not in info.notices]:
            self._told_later.append((number, more[0]))
        return still

    def _batch(self, stills: list[Still], pts: Iterator[int]) -> SignalBatch:
        planes = [still.planes for still in stills]
        return SignalBatch(
            planes=planes[0] if len(planes) == 1 else tuple(map(torch.cat, zip(*planes, strict=True))),
            signal=self.info.signal,
            timings=tuple(Timing(next(pts), self.info.time_base, 1) for _ in stills),
            alpha=torch.cat([self._opacity(still) for still in stills]) if self.info.has_alpha else None,
        )

    def _opacity(self, still: Still) -> Tensor:
        return torch.ones(1, self.info.height, self.info.width) if still.alpha is None else still.alpha

    def _add_notices(self, *notices: str) -> None:
        self.info = replace(self.info, notices=(*self.info.notices, *notices))


def _number(pictures: Pictures, start: Fraction | None) -> int:
    """Of the first picture that is wanted.

    Raises:
        InputError: there is none so late.
    """
    if not start:
        return 0
    if pictures.frame_rate is None:
        raise InputError(f"{pictures.name}: a picture has no time; leave out --start or --at")
    number = ceil(start * pictures.frame_rate)
    if number >= len(pictures.files):
        raise InputError(f"{pictures.name}: ends before the start at {clock(start)}")
    return number

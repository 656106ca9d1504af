"""A video file: what it says of itself against what it holds."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from ..codecs.decode import VideoSource
from ..codecs.ffv1 import damaged_pictures
from ..codecs.file_end import cut_off
from ..codecs.source_options import AS_HDR, SourceOptions
from ..codecs.static_metadata import Coding
from ..colour.codes import Matrix, Primaries, SignalRange, Transfer
from ..colour.hdr10 import ContentLightMeter
from ..colour.shown import shown_light
from ..errors import InputError
from ..frames import SignalBatch, VideoInfo, clock
from .black import Black
from .clip import Clip
from .original import Original
from .report import Check, VerifyReport
from .static_metadata import static_metadata

_SDR_WHITE = 203.0
"""cd/m², of a file that is SDR after all (BT.2408)."""

_TS = "mpegts"
"""A container that says nothing of its end, and whose static metadata is not looked into."""


def verify_video(
    name: str, source: str | None, on_progress: Callable[[int], None], reading: SourceOptions
) -> VerifyReport:
    """Checks a file; see `verify`."""
    meter, black = ContentLightMeter(), Black()
    with ExitStack() as stack:
        opened = stack.enter_context(VideoSource(name, AS_HDR))
        info, clip, pictures = opened.info, Clip.beside(opened.companions), _Pictures(name, opened)
        original = None if source is None else Original(stack, source, reading)
        for batch in pictures:
            light = shown_light(batch.planes, batch.signal, _SDR_WHITE)
            meter.measure(light)
            clip.add(batch)
            if original is not None and (sdr := original.next_picture()) is not None:
                black.add(sdr, light)
            on_progress(len(clip.times))
        checks = [pictures.check(len(clip.times)), *_tags(info), *_rising(clip.times)]
        if info.codec == Coding.FFV1.value:
            checks.append(_checksums(Path(name)))
        if info.signal.transfer is Transfer.PQ and info.container != _TS:
            checks += static_metadata(Path(name), info, meter.content_light)
        if original is not None:
            checks += original.compare(clip)
            checks += black.check()
    return VerifyReport(name, len(clip.times), tuple(checks))


class _Pictures:
    """Those of the delivery, as far as they can be decoded; why they end too early is told by `check`."""

    def __init__(self, name: str, opened: VideoSource) -> None:
        self._name = name
        self._opened = opened
        self._error: InputError | None = None

    def __iter__(self) -> Iterator[SignalBatch]:
        batches = self._opened.batches(1)
        while True:
            try:
                batch = next(batches, None)
            except InputError as error:
                self._error = error
                return
            if batch is None:
                return
            yield batch

    def check(self, count: int) -> Check:
        """Whether all so many could be decoded, and there should be no more."""
        if self._error is not None:
            what = str(self._error).removeprefix(f"{self._name}: ")
            return Check("pictures", False, what.partition("; ")[0])  # its advice is for who converts it
        if (lack := cut_off(Path(self._name))) is not None:
            return Check("pictures", False, f"{count} decoded, then the file is cut off: {lack}")
        says_its_end = self._opened.info.container != _TS
        return Check("pictures", True, f"{count} decoded{', to the end' if says_its_end else ''}")


def _tags(info: VideoInfo) -> Iterator[Check]:
    signal = info.signal
    found = f"{signal.primaries.name}, {signal.transfer.name}, {signal.matrix.name}, {signal.signal_range.value}"
    is_hdr = (signal.primaries, signal.matrix, signal.signal_range) == (
        Primaries.BT2020,
        Matrix.BT2020_NCL,
        SignalRange.LIMITED,
    )
    stated = not any(guess.field in ("primaries", "transfer", "matrix") for guess in info.guesses)
    passed = is_hdr and stated and signal.transfer in (Transfer.PQ, Transfer.HLG)
    yield Check("colour tags", passed, found + ("" if stated else " (in part guessed: tags are missing)"))
    yield Check("bit depth", signal.bit_depth >= 10, f"{signal.bit_depth} bit, {info.pixel_format}")


def _rising(times: list[Fraction]) -> Iterator[Check]:
    wrong = next((later for earlier, later in pairwise(times) if later <= earlier), None)
    detail = f"{clock(times[0])} to {clock(times[-1])}" if times else "none"
    yield Check("times rise", wrong is None, detail if wrong is None else f"not at {clock(wrong)}")


def _checksums(path: Path) -> Check:
    """Those of FFV1's slices: of damage, that its decoder passes over in silence."""
    try:
        damaged = damaged_pictures(path)
    except ValueError as error:
        return Check("checksums", False, str(error))
    detail = f"{len(damaged)} pictures damaged, first picture {damaged[0] + 1}" if damaged else "every slice as written"
    return Check("checksums", not damaged, detail)

"""Whether a delivery is what it should be: what it says of itself against what it holds, and against its source."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from .codecs.decode import SignalOverrides, VideoSource
from .codecs.exr import read_exr_as_stored, read_exr_colour, read_exr_text
from .codecs.ffv1 import damaged_pictures
from .codecs.light_level import Declared, declared_metadata
from .codecs.static_metadata import Coding
from .colour.codes import Matrix, Primaries, SignalRange, Transfer
from .colour.hdr10 import ContentLight, ContentLightMeter
from .colour.shown import shown_light, shown_signal
from .errors import InputError
from .frames import SignalBatch, VideoInfo, clock

LIGHT_TOLERANCE = 0.25
"""Share by which MaxCLL may differ from what is decoded: coding rings at edges, and takes single peaks away."""

AVERAGE_TOLERANCE = 0.03
"""Likewise MaxFALL, an average."""

BLACK = 0.05
"""cd/m² that black of the source may have at most: what coding leaves of it."""

SYNC_TOLERANCE = Fraction(1, 1000)
"""Seconds that sound may have moved against the pictures: Matroska counts milliseconds."""

_SDR_WHITE = 203.0
"""cd/m², of a file that is SDR after all (BT.2408)."""

_PICTURE_NUMBER = re.compile(r"(.*?)(\d+)\.exr", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that was looked at.

    Attributes:
        name: of it.
        passed: whether it is as it should be.
        detail: what was found, in a few words.
    """

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found of a delivery.

    Attributes:
        name: of the file or folder.
        frames: that it holds.
        checks: all that were made.
    """

    name: str
    frames: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all did."""
        return all(check.passed for check in self.checks)


def verify(
    name: str, source: str | None = None, on_progress: Callable[[int], None] = lambda done: None
) -> VerifyReport:
    """Checks a video file, or an EXR sequence in a folder, from its first frame to its last.

    Args:
        name: of the file or folder.
        source: what it was made of, whole; frames, times, sound and black are compared with it.
        on_progress: told how many frames are done.

    Raises:
        InputError: the source can't be read, or there is nothing to check.
    """
    if Path(name).is_dir():
        return _verify_sequence(Path(name), source, on_progress)
    return _verify_video(name, source, on_progress)


_EMPTY_TEXT = 2
"""Bytes of a packet of MP4's text between lines: its length, 0."""


@dataclass(slots=True)
class _Clip:
    """What is known of a video once it has been read.

    Attributes:
        times: of the pictures, seconds.
        begins: of each other stream, by kind and number within it: when its first packet comes, seconds.
        counts: likewise, how many packets, or bytes of uncompressed sound.
        uncompressed: those streams.
        codecs: of each, as it is called here.
    """

    times: list[Fraction] = field(default_factory=list)
    begins: dict[str, Fraction] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    uncompressed: set[str] = field(default_factory=set)
    codecs: dict[str, str] = field(default_factory=dict)

    def add(self, batch: SignalBatch, names: dict[int, str]) -> None:
        """Takes in a batch."""
        self.times += [timing.seconds for timing in batch.timings]
        for packet in cast(tuple[Any, ...], batch.packets):
            stream = names.get(packet.stream.index)
            if stream is None or (self.codecs[stream] == "mov_text" and packet.size <= _EMPTY_TEXT):
                continue
            # Containers divide uncompressed sound as they like.
            amount = packet.size if stream in self.uncompressed else 1
            self.counts[stream] = self.counts.get(stream, 0) + amount
            if packet.pts is not None:
                self.begins.setdefault(stream, packet.pts * packet.time_base)


def _names(source: VideoSource, clip: _Clip) -> dict[int, str]:
    """What we call the other streams: "audio 1" and so on, by their index."""
    counts: dict[str, int] = {}
    names = {}
    for stream in source.companions.streams:
        if stream.type in ("audio", "subtitle"):
            counts[stream.type] = counts.get(stream.type, 0) + 1
            name = names[stream.index] = f"{stream.type} {counts[stream.type]}"
            clip.codecs[name] = stream.name or ""
            if (stream.name or "").startswith("pcm_"):
                clip.uncompressed.add(name)
    return names


class _Black:
    """Looks at what is black in the source."""

    def __init__(self) -> None:
        self._most = 0.0
        self._pixels = 0

    def add(self, sdr: Tensor, light: Tensor) -> None:
        """Takes in a picture.

        Args:
            sdr: (1, 3, H, W), R′G′B′ of the source.
            light: (1, 3, h, w), cd/m²; of the same size, or padded by one row or column.
        """
        level = sdr.amax(1, keepdim=True)
        around = torch.nn.functional.max_pool2d(level, 9, 1, 4)  # what is near light is lit by coding
        black = (around <= 0)[0, 0]
        height, width = black.shape
        if light.shape[-2] not in (height, height + 1) or light.shape[-1] not in (width, width + 1):
            return
        lit = light[0, :, :height, :width].amax(0)[black]
        if lit.numel():
            self._most = max(self._most, float(lit.max()))
            self._pixels += lit.numel()

    def check(self) -> Iterator[Check]:
        """What was found, where there was any."""
        if self._pixels:
            yield Check("black", self._most <= BLACK, f"{self._most:.4f} cd/m² at most in {self._pixels} black pixels")


def _verify_video(name: str, source: str | None, on_progress: Callable[[int], None]) -> VerifyReport:
    clip, meter, black = _Clip(), ContentLightMeter(), _Black()
    checks: list[Check] = []
    with ExitStack() as stack:
        opened = stack.enter_context(VideoSource(name, overrides=SignalOverrides(hdr=True)))
        info, names = opened.info, _names(opened, clip)
        original = None if source is None else _Original(stack, source)
        try:
            for batch in opened.batches(1):
                light = shown_light(batch.planes, batch.signal, _SDR_WHITE)
                meter.measure(light)
                clip.add(batch, names)
                if original is not None and (sdr := original.next_picture()) is not None:
                    black.add(sdr, light)
                on_progress(len(clip.times))
            checks.append(Check("pictures", True, f"{len(clip.times)} decoded, to the end"))
        except InputError as error:
            checks.append(Check("pictures", False, str(error).removeprefix(f"{name}: ")))
        checks += _tags(info)
        checks += _rising(clip.times)
        if info.codec == Coding.FFV1.value:
            checks.append(_checksums(Path(name)))
        if info.signal.transfer is Transfer.PQ and info.container != "mpegts":  # which is not looked into
            checks += _static_metadata(Path(name), info, meter.content_light)
        if original is not None:
            checks += original.compare(clip)
            checks += black.check()
    return VerifyReport(name, len(clip.times), tuple(checks))


class _Original:
    """The source, read beside what was made of it."""

    def __init__(self, stack: ExitStack, name: str) -> None:
        self._opened = stack.enter_context(VideoSource(name))
        self._batches = self._opened.batches(1)
        self._clip = _Clip()
        self._names = _names(self._opened, self._clip)
        self.info = self._opened.info

    def next_picture(self) -> Tensor | None:
        """R′G′B′ (1, 3, H, W), or None behind the last."""
        batch = next(self._batches, None)
        if batch is None:
            return None
        self._clip.add(batch, self._names)
        return shown_signal(batch.planes, batch.signal)

    @property
    def times(self) -> list[Fraction]:
        """Of all pictures, seconds; reads on to the last."""
        while self.next_picture() is not None:
            pass
        return self._clip.times

    def compare(self, clip: _Clip) -> Iterator[Check]:
        """Pictures, times and sound against those of what was made of it."""
        times = self.times
        yield Check("frame count", len(clip.times) == len(times), f"{len(clip.times)}, the source has {len(times)}")
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


def _static_metadata(path: Path, info: VideoInfo, measured: ContentLight) -> Iterator[Check]:
    """ST 2086 and light levels: in the container, in every keyframe, and as decoded."""
    try:
        declared: Declared = declared_metadata(path, info.codec)
    except (ValueError, OSError) as error:
        yield Check("static metadata", False, str(error))
        return
    if declared.sample_entry is not None:
        yield Check("sample entry", declared.sample_entry != "hev1", f"{declared.sample_entry}")
    with_display = sum(declared.keyframe_displays)
    keyframes = len(declared.keyframe_displays)
    where = "in the header" if declared.container_displays else "not in the header"
    where += f" and {with_display} of {keyframes} keyframes" if keyframes else ""
    yield Check("mastering display", declared.container_displays > 0 and with_display == keyframes, where)
    levels = {*declared.container_levels, *declared.keyframe_levels}
    complete = len(declared.keyframe_levels) == keyframes and bool(declared.container_levels)
    pairs = ", ".join(sorted(f"{light.max_cll}/{light.max_fall}" for light in levels)) or "none"
    passed = complete and len(levels) == 1
    places = "container and keyframes" if keyframes else "the container"
    yield Check("light levels agree", passed, f"MaxCLL/MaxFALL {pairs}, in {places}")
    if len(levels) == 1:
        light = levels.pop()
        yield _near("MaxCLL", light.max_cll, measured.max_cll, LIGHT_TOLERANCE)
        yield _near("MaxFALL", light.max_fall, measured.max_fall, AVERAGE_TOLERANCE)


def _near(name: str, declared: int, measured: int, tolerance: float) -> Check:
    passed = abs(declared - measured) <= max(1.0, tolerance * measured)
    return Check(name, passed, f"{declared} cd/m² declared, {measured} decoded")


def _verify_sequence(folder: Path, source: str | None, on_progress: Callable[[int], None]) -> VerifyReport:
    pictures = sorted(path for path in folder.iterdir() if _PICTURE_NUMBER.fullmatch(path.name))
    if not pictures:
        raise InputError(f"{folder}: holds no numbered .exr picture")
    checks = [*_numbers(pictures)]
    sizes, colours, broken, holes = set(), set(), [], 0
    stated: list[str | None] = []
    black = _Black()
    with ExitStack() as stack:
        original = None if source is None else _Original(stack, source)
        for done, path in enumerate(pictures, start=1):
            sdr = None if original is None else original.next_picture()
            try:
                pixels = read_exr_as_stored(path)
                white, space = read_exr_colour(path)
                stated.append(read_exr_text(path, "tsexpand:pts"))
            except InputError as error:
                broken.append(str(error))
                continue
            sizes.add(tuple(pixels.shape[-2:]))
            colours.add((white, space))
            holes += int((~pixels.isfinite()).sum())
            if sdr is not None:
                black.add(sdr, (pixels * (white or 1.0)).unsqueeze(0))
            on_progress(done)
        checks.append(Check("pictures", not broken, broken[0] if broken else f"{len(pictures)} read"))
        checks.append(Check("finite", not holes, f"{holes} values are not finite"))
        checks.append(Check("one size", len(sizes) == 1, ", ".join(f"{w}×{h}" for h, w in sorted(sizes))))
        whites = {white for white, _ in colours}
        said = len(colours) == 1 and None not in whites and all(space is not None for _, space in colours)
        detail = ", ".join(sorted(f"white {white} cd/m²" for white in whites))
        checks.append(Check("colour in the headers", said, detail))
        if original is not None:
            checks += _against(original, stated)
            checks += black.check()
    return VerifyReport(str(folder), len(pictures), tuple(checks))


def _numbers(pictures: Iterable[Path]) -> Iterator[Check]:
    """That the numbers of each sequence in a folder have no gap."""
    sequences: dict[str, list[int]] = {}
    for path in pictures:
        match = _PICTURE_NUMBER.fullmatch(path.name)
        assert match is not None
        sequences.setdefault(match[1], []).append(int(match[2]))
    yield Check("one sequence", len(sequences) == 1, ", ".join(f"{stem}*" for stem in sorted(sequences)))
    for stem, numbers in sequences.items():
        missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
        detail = f"{min(numbers)} to {max(numbers)}" if not missing else f"{len(missing)} missing, first {missing[0]}"
        yield Check(f"numbers of {stem}*", not missing, detail)


def _against(original: _Original, stated: list[str | None]) -> Iterator[Check]:
    times = original.times
    yield Check("frame count", len(stated) == len(times), f"{len(stated)}, the source has {len(times)}")
    unit = original.info.time_base
    wrong = [n for n, (text, time) in enumerate(zip(stated, times, strict=False)) if text != str(int(time / unit))]
    detail = "each header has the source's" if not wrong else f"{len(wrong)} differ, first of picture {wrong[0] + 1}"
    yield Check("times", not wrong, detail)

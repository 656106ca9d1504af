"""A frame as `convert` makes it, and what an SDR display shows of it."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain

import torch
from torch import Tensor

from ..codecs.source import Source, open_source
from ..colour.codes import Primaries
from ..colour.hdr10 import ContentLight, ContentLightMeter
from ..colour.primaries import convert
from ..convert import ConvertOptions, motion_for, prepared
from ..engines import Engine
from ..engines.analytic import AnalyticEngine
from ..engines.display import display_signal
from ..errors import InputError
from ..frames import LightBatch, SignalBatch, Timing, VideoInfo
from ..sinks import Fetch
from ..sinks.orientation import UPRIGHT, orientation_of
from ..temporal.cpu_motion import CpuMotion
from ..temporal.denoising import REACH

_WINDOW = 12
"""Frames before one that have a say in its exposure, where the network's light is relative, and in `--smooth`."""

_FIRST_MARGIN = Fraction(2)
"""Seconds before the frame where the search for its neighbours begins: 26 of them at 13 frames a second."""


@dataclass(frozen=True, slots=True)
class Look:
    """A frame in SDR and HDR.

    Attributes:
        info: of the clip.
        timing: of the frame, on the clip's own clock.
        seconds: from the clip's first picture.
        sdr: (3, H, W), cd/m², linear BT.709, upright: the light of an SDR display.
        hdr: likewise, as it is written; colours outside BT.709 are negative.
        aspect: width to height of a pixel.
        clipped: share of the pixels at SDR white in R′, G′ or B′.
        content_light: the frame's MaxCLL and MaxFALL.
    """

    info: VideoInfo
    timing: Timing
    seconds: Fraction
    sdr: Tensor
    hdr: Tensor
    aspect: Fraction
    clipped: float
    content_light: ContentLight


def look(options: ConvertOptions, at: Fraction, engine: Engine, relative: bool) -> Look:
    """The frame that a conversion of the whole clip writes for a time.

    It is the first one at or after it, as with `--start`. The frames around that have a say in it go through the
    same stages; no others do. (What relative light of shots without a well exposed pixel takes over from further
    back is not known here.)

    Args:
        options: of the conversion, its start and number of frames aside.
        at: seconds from the clip's first picture.
        engine: ready.
        relative: whether its light is.

    Raises:
        InputError: it can't be read, or ends before that time.
        DeviceError: the device's memory does not suffice.
    """
    if options.source == "-":
        raise InputError("-: standard input can't be searched for a frame; write it to a file")
    with open_source(options.source, replace(options.reading, start=at, frames=1)) as source:
        signal = next(iter(source.batches(1)))
        info, wanted, beginning = source.info, _begin(source), source.beginning
    before = (REACH if options.denoise else 0) + _WINDOW * (options.smooth + relative)
    with _from(options, at, wanted, before) as (signals, timing):
        engine.expect(info.width, info.height, before + 1)
        pixels = info.width * info.height * (before + 1)
        motion, _ = motion_for(engine, pixels) if options.denoise else (None, ())
        light = _expanded(signals, timing, engine, options, motion)
    return _seen(info, wanted, wanted.seconds - beginning, signal, light, options.delivery.reference_white)


def _begin(source: Source) -> Timing:
    assert source.begin is not None  # it has given a picture
    return source.begin


@contextmanager
def _from(
    options: ConvertOptions, at: Fraction, wanted: Timing, before: int
) -> Iterator[tuple[Iterator[SignalBatch], Timing]]:
    """The clip from so many frames before one on, or from its first, and when that one comes there."""
    margin = _FIRST_MARGIN
    while True:
        start = max(Fraction(0), at - margin)
        with open_source(options.source, replace(options.reading, start=start, frames=None)) as source:
            signals = source.batches(1)
            near: deque[SignalBatch] = deque(maxlen=before + 1)
            for batch in signals:
                near.append(batch)
                timing = batch.timings[0]
                if timing.pts + _begin(source).pts >= wanted.pts:
                    break
            if len(near) > before or start == 0:
                yield chain(near, signals), timing
                return
        margin *= 4


def _expanded(
    signals: Iterator[SignalBatch], wanted: Timing, engine: Engine, options: ConvertOptions, motion: CpuMotion | None
) -> LightBatch:
    """The light of the frame of that time, on the CPU, at the end of all stages."""

    def fetched(batch: LightBatch, fetch: Fetch) -> LightBatch:
        return replace(batch, light=fetch(batch.light)) if batch.timings[0] == wanted else batch

    with closing(prepared(signals, engine, options, fetched, motion)) as batches:  # type: ignore[type-var]
        found: LightBatch = next(batch for batch, _ in batches if batch.timings[0] == wanted)
    return found


def _seen(
    info: VideoInfo, timing: Timing, seconds: Fraction, signal: SignalBatch, light: LightBatch, white: float
) -> Look:
    cpu = torch.device("cpu")
    turn = orientation_of(info.display_matrix) or UPRIGHT
    sdr = AnalyticEngine(cpu, white).expand(signal)
    meter = ContentLightMeter()
    meter.measure(convert(light.light, light.primaries, Primaries.BT2020))
    return Look(
        info=info,
        timing=timing,
        seconds=seconds,
        sdr=turn.upright(convert(sdr.light, sdr.primaries, Primaries.BT709))[0],
        hdr=turn.upright(convert(light.light, light.primaries, Primaries.BT709))[0],
        aspect=turn.upright_aspect(info.sample_aspect_ratio),
        clipped=float((display_signal(signal, cpu).amax(1) >= 1).float().mean()),
        content_light=meter.content_light,
    )

"""Sound and pictures together: a flash and a click, in the input and in what is made of it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.conversions import IDENTITY, options
from tsexpand.convert import convert

RATE = 48000
FLASH = 10
"""Number of the bright picture, of 25 a second; the click begins with it."""


def pictures() -> Iterator[av.VideoFrame]:
    for i in range(20):
        frame = av.VideoFrame(64, 48, "yuv420p")
        for plane, code in zip(frame.planes, (235 if i == FLASH else 16, 128, 128), strict=True):
            plane.update(bytes([code]) * plane.buffer_size)
        frame.pts, frame.time_base = i, Fraction(1, 25)
        yield frame


def sounds() -> Iterator[av.AudioFrame]:
    samples = np.zeros(RATE, np.int16)
    begin = FLASH * RATE // 25
    samples[begin : begin + 480] = 20000 * np.sin(np.arange(480) * np.pi / 24 + 0.5)
    for i in range(0, RATE, 1200):
        frame = av.AudioFrame.from_ndarray(samples[None, i : i + 1200], "s16", "mono")
        frame.pts, frame.sample_rate, frame.time_base = i, RATE, Fraction(1, RATE)
        yield frame


def write_clip(path: Path, codecs: tuple[str, str], start: Fraction, sound_later: Fraction, **muxer: str) -> None:
    with av.open(str(path), "w", options=muxer) as output:
        video = output.add_stream(codecs[0], rate=25, width=64, height=48)
        audio = output.add_stream(codecs[1], rate=RATE, layout="mono")
        packets = [(p, start) for frame in [*pictures(), None] for p in video.encode(frame)]
        packets += [(p, start + sound_later) for frame in [*sounds(), None] for p in audio.encode(frame)]
        for packet, delay in sorted(packets, key=lambda pair: pair[0].dts * pair[0].time_base + pair[1]):
            shift = round(delay / packet.time_base)
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            output.mux(packet)


def sound_of(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams.audio]


def flash(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        frames = ((frame, frame.reformat(format="gray").to_ndarray().mean()) for frame in container.decode(video=0))
        return next(frame.pts * frame.time_base for frame, luma in frames if luma > 80)


def click(path: Path) -> Fraction:
    """To a sample, as far as the container's clock is exact."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0] / (32768 if frame.format.name.startswith("s16") else 1)
            loud = np.flatnonzero(np.abs(samples) > 0.2)
            if len(loud):
                return frame.pts * frame.time_base + Fraction(int(loud[0]), RATE)
    raise AssertionError(f"{path} is silent")


CLIPS: dict[str, tuple[str, tuple[str, str], Fraction, Fraction, dict[str, str]]] = {
    "MP4, B-pictures and priming": ("mp4", ("libx264", "aac"), Fraction(0), Fraction(0), {}),
    "MP4, sound half a second late": ("mp4", ("libx264", "aac"), Fraction(0), Fraction(1, 2), {}),
    "MP4, pictures late": ("mp4", ("libx264", "aac"), Fraction(2, 5), Fraction(-2, 5), {}),
    "MOV, uncompressed, sound late": ("mov", ("mpeg4", "pcm_s16le"), Fraction(0), Fraction(123, 1000), {}),
    "Matroska, sound late": ("mkv", ("libx264", "mp3"), Fraction(0), Fraction(1, 2), {}),
    "Matroska, late altogether": ("mkv", ("libx264", "ac3"), Fraction(10), Fraction(1, 10), {}),
    "Matroska, FLAC, sound late": ("mkv", ("libx264", "flac"), Fraction(0), Fraction(1, 4), {}),
    "MOV, A-law": ("mov", ("mpeg4", "pcm_alaw"), Fraction(0), Fraction(1, 4), {}),
    "transport stream": ("ts", ("mpeg2video", "mp2"), Fraction(0), Fraction(0), {}),
    "transport stream, sound late": ("ts", ("mpeg2video", "ac3"), Fraction(0), Fraction(1, 2), {}),
    # 33 bits of 90 kHz end at 95443.7 s.
    "transport stream around the end of its clock": ("ts", ("mpeg2video", "mp2"), Fraction(95442), Fraction(0), {}),
    "AVI": ("avi", ("mpeg4", "pcm_s16le"), Fraction(0), Fraction(0), {}),
}


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("clip", CLIPS)
def test_the_click_stays_with_the_flash(tmp_path: Path, clip: str, suffix: str) -> None:
    kind, codecs, start, sound_later, muxer = CLIPS[clip]
    source, output = tmp_path / f"in.{kind}", tmp_path / f"out.{suffix}"
    write_clip(source, codecs, start, sound_later, **muxer)
    convert(options(source, output, denoise=False), IDENTITY)
    if (codecs[1], suffix) == ("pcm_alaw", "mp4"):
        assert sound_of(output) == []  # MP4 holds no A-law, and what MOV and MKV get instead, plain samples, not well
        return
    before, after = click(source) - flash(source), click(output) - flash(output)
    assert abs(before - sound_later) < Fraction(2, 1000)  # the clip is what it should be
    rounding = Fraction(1, 1000) if suffix == "mkv" else Fraction(1, RATE)
    assert abs(after - before) <= rounding

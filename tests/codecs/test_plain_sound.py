"""Sound that a container can't hold as it is, as plain samples."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.codecs.test_mux import opened
from tests.codecs.written import write_video
from tsexpand.codecs import plain_sound
from tsexpand.codecs.passthrough import Container

RATE = 48000


def write_sound(path: Path, codec: str, sample_format: str, gap: int = 0) -> list[int]:
    """Noise in two channels, with a gap of so many samples in the middle; when each packet begins, in samples."""
    rng, begins = np.random.default_rng(0), []
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=RATE, layout="stereo")
        stream.codec_context.format = sample_format
        for i in range(6):
            codes = rng.integers(-(1 << 15), 1 << 15, (1, 2 * 4608)).astype(
                np.int16 if sample_format == "s16" else np.int32
            )
            frame = av.AudioFrame.from_ndarray(codes if sample_format == "s16" else codes << 8, sample_format, "stereo")
            begins.append(4608 * i + (gap if i >= 3 else 0))
            frame.sample_rate, frame.pts, frame.time_base = RATE, 4608 * i, Fraction(1, RATE)
            for packet in [*stream.encode(frame), *(stream.encode(None) if i == 5 else [])]:
                late = gap if packet.pts * packet.time_base >= Fraction(3 * 4608, RATE) else 0
                shift = round(Fraction(late, RATE) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                output.mux(packet)
    return begins


def samples(path: Path) -> tuple[np.ndarray[Any, Any], list[Fraction], str]:
    """All samples of the first sound, when each frame of them begins, and the codec."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        times = [frame.pts * frame.time_base for frame in frames]
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1), times, stream.codec_context.name


def converted(source: Path, *containers: Container) -> tuple[list[Path], list[str]]:
    outputs, notices = [], []
    with opened(source) as (companions, packets):
        for container in containers:
            outputs.append(source.with_name(f"out.{container.name.lower()}"))
            notices += write_video(outputs[-1], container, companions=companions, packets=packets)
    return outputs, notices


@pytest.mark.parametrize(
    ("codec", "sample_format", "suffix", "container", "becomes", "home"),
    [
        ("flac", "s16", "mkv", Container.MOV, "pcm_s16le", "MP4 or MKV"),
        ("flac", "s32", "mkv", Container.MOV, "pcm_s24le", "MP4 or MKV"),
        ("pcm_alaw", "s16", "mov", Container.MKV, "pcm_s16le", "MOV"),
        ("pcm_mulaw", "s16", "mov", Container.MKV, "pcm_s16le", "MOV"),
    ],
)
def test_every_sample_is_there(
    tmp_path: Path, codec: str, sample_format: str, suffix: str, container: Container, becomes: str, home: str
) -> None:
    write_sound(tmp_path / f"in.{suffix}", codec, sample_format)
    (output,), notices = converted(tmp_path / f"in.{suffix}", container)
    before, _, _ = samples(tmp_path / f"in.{suffix}")
    after, times, name = samples(output)
    assert name == becomes
    assert np.array_equal(after, before)
    assert times[0] == 0
    assert notices == [f"audio stream 0 ({codec}) becomes PCM in {container.name}; {home} keeps it as it is"]


def test_a_gap_is_filled_with_silence(tmp_path: Path) -> None:
    begins = write_sound(tmp_path / "in.mkv", "flac", "s16", gap=RATE)
    (output,), _ = converted(tmp_path / "in.mkv", Container.MOV)
    before, after = samples(tmp_path / "in.mkv")[0], samples(output)[0]
    first, second = np.array_split(before, 2, axis=1)
    gap = after[:, first.shape[1] : after.shape[1] - second.shape[1]]
    assert np.array_equal(after, np.concatenate([first, np.zeros_like(gap), second], axis=1))
    assert abs(gap.shape[1] / 2 - (begins[3] - 3 * 4608)) <= RATE / 1000  # two channels, milliseconds


def test_silence_is_bounded(tmp_path: Path) -> None:
    write_sound(tmp_path / "in.mkv", "flac", "s16", gap=4000 * RATE)
    (output,), notices = converted(tmp_path / "in.mkv", Container.MOV)
    assert samples(output)[0].shape[1] == 3 * 4608 * 2
    assert "3 damaged packets of audio stream 0 (flac) are not kept." in notices


def test_silence_is_never_held_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of eight channels would be gigabytes, of a few bytes in a file."""
    write_sound(tmp_path / "in.mkv", "flac", "s16", gap=60 * RATE)
    held: list[int] = []
    monkeypatch.setattr(plain_sound, "AudioFrame", lambda *what: held.append(0) or av.AudioFrame(*what))
    with opened(tmp_path / "in.mkv") as (_, packets), av.open(io.BytesIO(), "w", "mov") as output:
        sounds = [packet for packet in packets if isinstance(packet, av.Packet) and packet.size]
        recoder = plain_sound.SoundRecoder(output, sounds[0].stream)
        for packet in sounds[:3]:
            output.mux(list(recoder.recode(packet, Fraction(0))))
        silence = recoder.recode(sounds[3], Fraction(0))
        output.mux(next(silence))
        assert len(held) <= 2
        output.mux(list(silence))
    assert len(held) == 60


def test_sound_that_is_there_twice_is_left_out_once(tmp_path: Path) -> None:
    write_sound(tmp_path / "in.mkv", "flac", "s16")
    with opened(tmp_path / "in.mkv") as (companions, packets):
        twice = (*packets[:3], packets[2], *packets[3:])
        write_video(tmp_path / "out.mov", Container.MOV, companions=companions, packets=twice)
    assert np.array_equal(samples(tmp_path / "out.mov")[0], samples(tmp_path / "in.mkv")[0])


def test_two_outputs_of_one_pass_are_whole(tmp_path: Path) -> None:
    write_sound(tmp_path / "in.mkv", "flac", "s16")
    outputs, _ = converted(tmp_path / "in.mkv", Container.MOV, Container.MP4, Container.MKV)
    before, _, _ = samples(tmp_path / "in.mkv")
    assert all(np.array_equal(samples(output)[0], before) for output in outputs)


def _damaged(packets: Sequence[object]) -> tuple[object, ...]:
    sounds = [packet for packet in packets if isinstance(packet, av.Packet) and packet.size]
    broken: av.Packet[Any] = av.Packet(b"junk" * 20)
    broken.stream, broken.time_base = sounds[2].stream, sounds[2].time_base
    broken.pts, broken.dts, broken.duration = sounds[2].pts, sounds[2].dts, sounds[2].duration
    return (*sounds[:2], broken, *sounds[3:])


def test_damage_is_left_out_and_said(tmp_path: Path) -> None:
    write_sound(tmp_path / "in.mkv", "flac", "s16")
    with opened(tmp_path / "in.mkv") as (companions, packets):
        notices = write_video(tmp_path / "out.mov", Container.MOV, companions=companions, packets=_damaged(packets))
    assert "1 damaged packets of audio stream 0 (flac) are not kept." in notices
    assert samples(tmp_path / "out.mov")[0].shape[1] == 6 * 4608 * 2  # silence in its place


def test_mp4_drops_it_and_says_who_can(tmp_path: Path) -> None:
    write_sound(tmp_path / "in.mov", "pcm_alaw", "s16")
    _, notices = converted(tmp_path / "in.mov", Container.MP4)
    assert notices == ["audio stream 0 (pcm_alaw) dropped: MP4 can't hold it; MOV or MKV can"]

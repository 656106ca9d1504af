"""Encoders: what they are asked for, what they refuse."""

import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
import torch

from tests.codecs.written import FAST, INFO, moving_ramp
from tsexpand.codecs.encode import Encoder
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.pixels import frame_from_planes
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.signal import HDR10, HLG10
from tsexpand.errors import OutputError
from tsexpand.frames import Timing, VideoInfo


def encode(encoder: Encoder, count: int, info: VideoInfo = INFO, duration: int = 12) -> list["av.Packet[Any]"]:
    planes = moving_ramp(count, info)
    packets: list[av.Packet[Any]] = []
    for i in range(count):
        packets += encoder.encode(tuple(p[i] for p in planes), Timing(i * 12, info.time_base, duration))
    return packets + encoder.flush()


@pytest.mark.parametrize("codec", FAST)
def test_a_packet_for_each_picture_with_its_time_and_duration(codec: str) -> None:
    packets = encode(Encoder(FAST[codec], INFO, HDR10, mastering_display(1000)), 6)
    assert sorted((p.pts, p.duration) for p in packets) == [(i * 12, 12) for i in range(6)]
    assert all(p.time_base == INFO.time_base for p in packets)


@pytest.mark.parametrize("codec", FAST)
def test_a_keyframe_every_two_seconds(codec: str) -> None:
    packets = encode(Encoder(FAST[codec], INFO, HDR10, None), 9)
    assert sorted(p.pts for p in packets if p.is_keyframe and p.pts is not None) == [0, 48, 96]


@pytest.mark.parametrize("codec", FAST)
def test_cuts_do_not_shift_the_keyframes(codec: str) -> None:
    """With x265's scene cut detection, which its fast presets leave off; HEVC's keyframes are IDR pictures."""
    info = replace(INFO, width=256, height=128, time_base=Fraction(1, 15), frame_rate=Fraction(15))
    generator = torch.Generator().manual_seed(0)
    scenes = [torch.rand(1, 1, n, 2 * n, generator=generator) * light + 70 for n, light in ((8, 200), (64, 800))]
    lumas = [torch.nn.functional.interpolate(s, (128, 256))[0, 0].to(torch.int32).to(torch.uint16) for s in scenes]
    chroma = torch.full((64, 128), 512, dtype=torch.int32).to(torch.uint16)
    encoder = Encoder(EncoderOptions(codec, preset="medium" if codec == "hevc" else "12"), info, HDR10, None)
    packets: list[av.Packet[Any]] = []
    for i in range(70):
        packets += encoder.encode((lumas[19 < i < 41], chroma, chroma), Timing(i, info.time_base, 1))
    keyframes = [packet for packet in packets + encoder.flush() if packet.is_keyframe]
    assert sorted(packet.pts for packet in keyframes if packet.pts is not None) == [0, 30, 60]
    if codec == "hevc":
        kinds = [{(bytes(p)[m.end()] >> 1) & 63 for m in re.finditer(b"\0\0\1", bytes(p))} for p in keyframes]
        assert all(kind & {19, 20} and not kind & {21, *range(10)} for kind in kinds), kinds  # IDR, no CRA


def test_unknown_durations_are_the_distance_to_the_picture_before() -> None:
    packets = encode(Encoder(FAST["hevc"], replace(INFO, frame_rate=None), HDR10, None), 3, duration=0)
    assert {p.pts: p.duration for p in packets} == {0: 1, 12: 12, 24: 12}


def test_hevc_has_even_sizes_and_av1_any() -> None:
    odd = replace(INFO, width=65, height=49)
    hevc, av1 = (Encoder(FAST[codec], odd, HDR10, None) for codec in ("hevc", "av1"))
    assert (hevc.width, hevc.height) == (66, 50)
    assert (av1.width, av1.height) == (65, 49)
    assert len(encode(hevc, 1, odd)) == 1


ROOT = Path(__file__).parents[2]
_NARROW = """
from dataclasses import replace
import torch
from tests.codecs.written import INFO
from tsexpand.codecs.encode import Encoder
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.signal import HDR10
from tsexpand.frames import Timing

encoder = Encoder(EncoderOptions("hevc"), replace(INFO, width=WIDTH, height=48), HDR10, mastering_display(1000))
torch.manual_seed(0)
sizes = ((48, WIDTH), (24, WIDTH // 2), (24, WIDTH // 2))
planes = [torch.randint(64, 900, (30, *size), dtype=torch.int32).to(torch.uint16) for size in sizes]
packets = []
for i, picture in enumerate(zip(*planes)):
    packets += encoder.encode(picture, Timing(12 * i, INFO.time_base, 12))
print(len(packets + encoder.flush()))
"""


@pytest.mark.parametrize("width", [34, 48])
def test_x265_survives_narrow_pictures(width: int) -> None:
    """In a process of its own, which died of a damaged heap."""
    program = [sys.executable, "-c", _NARROW.replace("WIDTH", str(width))]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stdout.strip()) == (0, "30"), run.stderr


def test_hlg_packets_hold_no_static_metadata() -> None:
    pq, hlg = (Encoder(FAST["hevc"], INFO, s, m) for s, m in ((HDR10, mastering_display(1000)), (HLG10, None)))
    assert b"\x4e\x01\x90\x04" in bytes(encode(pq, 1)[0])
    assert b"\x4e\x01\x90\x04" not in bytes(encode(hlg, 1)[0])


def test_planar_pictures_turn_into_nvenc_format_without_loss() -> None:
    luma, cb, cr = (p[0] for p in moving_ramp(1))
    frame = frame_from_planes((luma, cb, cr), "yuv420p10le").reformat(format="p010le").reformat(format="yuv420p10le")
    assert torch.equal(torch.from_numpy(frame.to_ndarray()[:48].copy()), luma)


def test_an_unknown_encoder_is_refused_by_name() -> None:
    with pytest.raises(OutputError, match="encoder vp9 is unknown; choose one of hevc, av1"):
        Encoder(EncoderOptions("vp9"), INFO, HDR10, None)


def test_a_preset_the_encoder_does_not_know_is_refused() -> None:
    with pytest.raises(OutputError, match=r"libx265 .* preset swift"):
        Encoder(EncoderOptions("hevc", preset="swift"), INFO, HDR10, None)


@pytest.mark.parametrize("codec", ["hevc_nvenc", "av1_nvenc"])
def test_an_encoder_without_its_hardware_says_what_to_try(codec: str) -> None:
    try:
        Encoder(EncoderOptions(codec), replace(INFO, width=256, height=192), HDR10, None)
    except OutputError as error:
        assert f"{codec} is not available here" in str(error)
        assert "try hevc or av1" in str(error)
    else:
        pytest.skip("this machine has an NVIDIA video encoder")


def test_times_in_another_time_base_are_a_mistake() -> None:
    encoder = Encoder(FAST["hevc"], INFO, HDR10, None)
    with pytest.raises(ValueError, match="time base"):
        encoder.encode(tuple(p[0] for p in moving_ramp(1)), Timing(0, Fraction(1, 1000)))

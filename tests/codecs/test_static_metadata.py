"""HDR10 metadata in the bitstream: bytes worked out by hand from the Recommendations."""

import pytest

from tsexpand.codecs.static_metadata import Coding, keyframe_messages, light_offset, messages_in, with_messages
from tsexpand.colour.hdr10 import ContentLight, mastering_display

P3_1000 = mastering_display(1000)

SLICE = b"\0\0\1\x26\x01\xaa"  # type 19, IDR_W_RADL
PARAMETERS = b"\0\0\0\1\x40\x01\x0c"  # type 32, VPS


def test_hevc_messages_are_the_bytes_of_h265() -> None:
    mastering = (
        "33c2 86c4 1d4c 0bb8 84d0 3e80 3d13 4042 00989680 000003 0001"  # emulation prevention in the black level
    )
    light = "2710 2710"
    expected = f"00000001 4e01 89 18 {mastering} 80 00000001 4e01 90 04 {light} 80"
    assert keyframe_messages(Coding.HEVC, P3_1000) == bytes.fromhex(expected)


def test_av1_messages_are_the_bytes_of_the_specification() -> None:
    mastering = "ae14 51ec 43d7 b0a4 2666 0f5c 500d 5439 0003e800 00000002"
    assert keyframe_messages(Coding.AV1, P3_1000) == bytes.fromhex(f"2a06 01 2710 2710 80 2a1a 02 {mastering} 80")


@pytest.mark.parametrize("start_code", [b"\0\0\1", b"\0\0\0\1"])
def test_hevc_messages_precede_the_first_slice(start_code: bytes) -> None:
    keyframe = PARAMETERS + start_code + SLICE[3:] + SLICE
    assert (
        with_messages(Coding.HEVC, keyframe, b"MESSAGES") == PARAMETERS + b"MESSAGES" + start_code + SLICE[3:] + SLICE
    )


def test_av1_messages_follow_the_sequence_header() -> None:
    head, frame = b"\x12\x00" + b"\x0a\x02\xaa\xbb", b"\x32\x03\x01\x02\x03"
    assert with_messages(Coding.AV1, head + frame, b"MESSAGES") == head + b"MESSAGES" + frame


def test_sizes_of_several_bytes_are_followed() -> None:
    long_header = b"\x0a\x80\x01" + bytes(128)
    messages = keyframe_messages(Coding.AV1, P3_1000)
    keyframe = with_messages(Coding.AV1, long_header + b"\x32\x01\x00", messages)
    at = light_offset(Coding.AV1, keyframe)
    assert keyframe[at : at + 4].hex() == "27102710"


def test_light_is_found_behind_lengths() -> None:
    units = [b"\x40\x01\x0c", b"\x4e\x01\x89\x01\x00\x80", b"\x4e\x01\x90\x04\x27\x10\x27\x10\x80", b"\x26\x01\xaa"]
    keyframe = b"".join(len(u).to_bytes(4, "big") + u for u in units)
    assert keyframe[light_offset(Coding.HEVC, keyframe) :].startswith(b"\x27\x10\x27\x10\x80")


@pytest.mark.parametrize(
    ("coding", "keyframe"), [(Coding.HEVC, b"\0\0\0\3\x26\x01\xaa"), (Coding.AV1, b"\x32\x01\x00")]
)
def test_a_keyframe_without_light_is_refused(coding: Coding, keyframe: bytes) -> None:
    with pytest.raises(ValueError, match="without light levels"):
        light_offset(coding, keyframe)


@pytest.mark.parametrize("coding", list(Coding))
def test_a_keyframe_without_a_picture_is_refused(coding: Coding) -> None:
    with pytest.raises(ValueError, match="keyframe without"):
        with_messages(coding, PARAMETERS if coding is Coding.HEVC else b"\x12\x00", b"")


@pytest.mark.parametrize("levels", [ContentLight(0, 0), ContentLight(256, 2), ContentLight(1234, 256)])
@pytest.mark.parametrize("coding", [Coding.HEVC, Coding.AV1])
def test_levels_are_read_back_whatever_their_bytes_are(coding: Coding, levels: ContentLight) -> None:
    """In HEVC two zeros before a small byte have a 3 put between."""
    messages = keyframe_messages(coding, mastering_display(1000), levels)
    if coding is Coding.HEVC:  # units behind their length, as in files
        units = [unit for unit in messages.split(b"\0\0\0\1") if unit]
        messages = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    assert messages_in(coding, messages) == (levels, True)

"""HDR10 static metadata inside the bitstream: built, put into keyframes, found again.

PyAV can't hand the mastering display and the light levels to an encoder, and NVENC would not write
them if it could, so they are put into every keyframe here, whatever the encoder. The light levels
are known only at the end; until then a placeholder of the same size stands in for them.
"""

import re
import struct
from collections.abc import Iterator
from enum import Enum

from ..colour.hdr10 import ContentLight, MasteringDisplay


class Coding(Enum):
    """Video coding formats by FFmpeg's names."""

    HEVC = "hevc"
    AV1 = "av1"
    H264 = "h264"
    PRORES = "prores"
    FFV1 = "ffv1"
    DNXHR = "dnxhd"

    @property
    def has_messages(self) -> bool:
        """Whether the bitstream has a place for static metadata; of the others the container alone has."""
        return self in (Coding.HEVC, Coding.AV1)


PLACEHOLDER = ContentLight(max_cll=10000, max_fall=10000)
"""Stands in for the measured levels: PQ's peak, so it stays a true upper bound if never replaced."""

UNKNOWN = ContentLight(max_cll=0, max_fall=0)
"""Says that nothing is said: where no one can come back to replace a placeholder (CTA-861.3-A)."""

_LIGHT = struct.Struct(">HH")
_HEVC_MASTERING = struct.Struct(">8H2I")

_SEI_PREFIX = 39
_SEI_MASTERING, _SEI_LIGHT = 137, 144
_LAST_VCL = 31

_OBU_SEQUENCE, _OBU_TEMPORAL_DELIMITER, _OBU_METADATA = 1, 2, 5
_METADATA_LIGHT, _METADATA_MASTERING = 1, 2
_TRAILING_BIT = b"\x80"


def light_payload(light: ContentLight) -> bytes:
    """MaxCLL and MaxFALL as every format holds them: two big-endian 16-bit numbers."""
    return _LIGHT.pack(light.max_cll, light.max_fall)


def keyframe_messages(coding: Coding, mastering: MasteringDisplay, levels: ContentLight = PLACEHOLDER) -> bytes:
    """The messages to put into each keyframe.

    Args:
        coding: of the bitstream; HEVC messages are in Annex B form.
        mastering: the display that the picture is made for.
        levels: of its light.

    Reference:
        Rec. ITU-T H.265 (08/2021), D.2.28 and D.2.35; AV1 Bitstream & Decoding Process, 5.8.3 and 5.8.4.
    """
    light = light_payload(levels)
    if coding is Coding.HEVC:
        return _sei(_SEI_MASTERING, _hevc_mastering(mastering)) + _sei(_SEI_LIGHT, light)
    return _metadata_obu(_METADATA_LIGHT, light) + _metadata_obu(_METADATA_MASTERING, _av1_mastering(mastering))


def with_messages(coding: Coding, keyframe: bytes, messages: bytes) -> bytes:
    """The packet of a keyframe as the encoder gives it, with the messages where they belong."""
    place = _before_slices(keyframe) if coding is Coding.HEVC else _after_sequence_header(keyframe)
    return keyframe[:place] + messages + keyframe[place:]


def light_offset(coding: Coding, keyframe: bytes) -> int:
    """Where the light levels lie in the packet of a keyframe as a file holds it.

    Args:
        coding: of the bitstream.
        keyframe: HEVC with NAL units behind 4-byte lengths, or AV1.

    Raises:
        ValueError: there are none.
    """
    hevc = coding is Coding.HEVC
    found = _sei_at(keyframe, _SEI_LIGHT, _LIGHT.size) if hevc else _metadata_at(keyframe, _METADATA_LIGHT)
    if found is None:
        raise ValueError("keyframe without light levels")
    return found


def messages_in(coding: Coding, keyframe: bytes) -> tuple[ContentLight | None, bool]:
    """The light levels of a keyframe as a file holds it, and whether it names the mastering display."""
    if coding is Coding.HEVC:
        light = _sei_at(keyframe, _SEI_LIGHT, _LIGHT.size)
        display = _sei_at(keyframe, _SEI_MASTERING, _HEVC_MASTERING.size)
    else:
        light, display = _metadata_at(keyframe, _METADATA_LIGHT), _metadata_at(keyframe, _METADATA_MASTERING)
    if light is None:
        return None, display is not None
    payload = keyframe[light : light + 2 * _LIGHT.size]
    if coding is Coding.HEVC:
        payload = payload.replace(b"\0\0\3", b"\0\0")  # emulation prevention, of levels that are 0 or small
    return ContentLight(*_LIGHT.unpack_from(payload)), display is not None


def _hevc_mastering(display: MasteringDisplay) -> bytes:
    """ST 2086 as SEI: green, blue, red, white in steps of 0.00002, luminance in 0.0001 cd/m²."""
    xy = display.chromaticities
    steps = [round(c * 50000) for point in (xy.green, xy.blue, xy.red, xy.white) for c in point]
    return _HEVC_MASTERING.pack(*steps, round(display.peak * 10000), round(display.black * 10000))


def _av1_mastering(display: MasteringDisplay) -> bytes:
    """ST 2086 as OBU: red, green, blue, white in 0.16, peak in 24.8, black in 18.14 fixed point."""
    xy = display.chromaticities
    steps = [round(c * 65536) for point in (xy.red, xy.green, xy.blue, xy.white) for c in point]
    return struct.pack(">8H2I", *steps, round(display.peak * 256), round(display.black * 16384))


def _sei(kind: int, payload: bytes) -> bytes:
    """One message in a NAL unit of its own, so that its payload is found at a fixed place."""
    unit = bytes([_SEI_PREFIX << 1, 1, kind, len(payload)]) + payload + _TRAILING_BIT
    return b"\0\0\0\1" + _with_emulation_prevention(unit)


def _with_emulation_prevention(unit: bytes) -> bytes:
    """A 3 wherever two zeros precede a byte up to 3, which would read as a start code."""
    return re.sub(b"\0\0(?=[\x00-\x03])", b"\0\0\x03", unit)


def _metadata_obu(kind: int, payload: bytes) -> bytes:
    body = bytes([kind]) + payload + _TRAILING_BIT
    return bytes([_OBU_METADATA << 3 | 2, len(body)]) + body


def _before_slices(packet: bytes) -> int:
    """The start code of an Annex B packet's first coded slice."""
    for start in re.finditer(b"\0?\0\0\x01", packet):
        if _nal_kind(packet, start.end()) <= _LAST_VCL:
            return start.start()
    raise ValueError("keyframe without a slice")


def _nal_kind(data: bytes, at: int) -> int:
    return (data[at] >> 1) & 63


def _after_sequence_header(packet: bytes) -> int:
    for kind, start, _, _ in _obus(packet):
        if kind not in (_OBU_TEMPORAL_DELIMITER, _OBU_SEQUENCE):
            return start
    raise ValueError("keyframe without a frame")


def _sei_at(packet: bytes, kind: int, size: int) -> int | None:
    """Where the payload of a message lies in a packet, that has a NAL unit of its own, as ours and most have."""
    at = 0
    while at + 4 < len(packet):
        unit = at + 4
        if _nal_kind(packet, unit) == _SEI_PREFIX and packet[unit + 2 : unit + 4] == bytes([kind, size]):
            return unit + 4
        at = unit + int.from_bytes(packet[at:unit], "big")
    return None


def _metadata_at(packet: bytes, kind: int) -> int | None:
    for obu, _, body, _ in _obus(packet):
        if obu == _OBU_METADATA and packet[body] == kind:
            return body + 1
    return None


def _obus(packet: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Type, start, start of the body and end of each OBU."""
    at = 0
    while at < len(packet):
        header = packet[at]
        body = at + (2 if header & 4 else 1)
        size, body = _leb128(packet, body) if header & 2 else (len(packet) - body, body)
        yield (header >> 3) & 15, at, body, body + size
        at = body + size


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A little-endian base-128 number, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        if data[at] < 128:
            return value, at + 1
        at, shift = at + 1, shift + 7

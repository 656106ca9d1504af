"""Tiny clips with known pictures, times and packets."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from tsexpand.codecs.pixel_layouts import pixel_layout
from tsexpand.codecs.pixels import frame_from_planes
from tsexpand.colour.ycbcr import Planes

TIME_BASE = Fraction(1, 1000)
SAMPLE_RATE = 8000


def random_planes(pixel_format: str, width: int = 64, height: int = 48, seed: int = 0) -> Planes:
    """Noise of the format's full depth, for a planar format."""
    layout, described = pixel_layout(pixel_format), av.VideoFormat(pixel_format, width, height)
    assert layout is not None
    rng = np.random.default_rng(seed)
    planes = []
    for component in layout.components:
        chroma = component in "uv"
        shape = (described.chroma_height(), described.chroma_width()) if chroma else (height, width)
        codes = rng.integers(0, 1 << layout.bit_depth, shape)
        planes.append(torch.from_numpy(codes.astype(np.uint8 if layout.bit_depth == 8 else np.uint16)))
    return tuple(planes)


def grey_ramp(frames: int, width: int = 64, height: int = 48) -> list[Planes]:
    """Flat 4:2:0 pictures, each of another luma: 16, 20, 24 ..."""
    chroma = torch.full((height // 2, width // 2), 128, dtype=torch.uint8)
    return [(torch.full((height, width), 16 + 4 * i, dtype=torch.uint8), chroma, chroma) for i in range(frames)]


def configure(context: av.VideoCodecContext, pixel_format: str, planes: Planes, tags: Mapping[str, int]) -> None:
    context.height, context.width = planes[0].shape
    context.pix_fmt, context.time_base, context.thread_count = pixel_format, TIME_BASE, 1
    for tag, value in tags.items():
        setattr(context, tag, value)


def encode(
    context: av.VideoCodecContext, pictures: Sequence[Planes], pixel_format: str, pts: Sequence[int] | None = None
) -> list[av.Packet]:
    """Packets of pictures; pts in milliseconds, 40 apart unless given."""
    packets = []
    for i, planes in enumerate(pictures):
        frame = frame_from_planes(planes, pixel_format)
        frame.time_base, frame.pts = TIME_BASE, 40 * i if pts is None else pts[i]
        packets += context.encode(frame)
    return packets + context.encode(None)


def raw_stream(codec: str, pictures: Sequence[Planes], pixel_format: str = "yuv420p", **tags: int) -> bytes:
    """A stream without a container."""
    context = av.CodecContext.create(codec, "w")
    configure(context, pixel_format, pictures[0], tags)
    context.options = {"g": "4", "bf": "0"}
    return b"".join(bytes(p) for p in encode(context, pictures, pixel_format))


def write_clip(
    path: Path,
    pictures: Sequence[Planes],
    pixel_format: str = "yuv420p",
    codec: str = "ffv1",
    pts: Sequence[int] | None = None,
    tags: Mapping[str, int] = {},
    options: Mapping[str, str] = {},
    container: Mapping[str, str] = {},
    audio_seconds: Sequence[float] = (),
    damage: Mapping[int, bytes] = {},
    cover: bytes | None = None,
    chapter: bool = False,
) -> list[list[bytes]]:
    """Writes a clip in the container that its name says.

    Args:
        options: of the encoder.
        container: options of the muxer.
        audio_seconds: length of each audio stream, of noise, in packets of 50 ms.
        damage: bytes to write instead of those of a packet.
        cover: a PNG picture to attach (Matroska).
        chapter: whether to add one.

    Returns:
        The bytes of the packets of each audio stream.
    """
    with av.open(str(path), "w", options=dict(container)) as out:
        stream = out.add_stream(codec, rate=25, options=dict(options))
        configure(stream.codec_context, pixel_format, pictures[0], tags)
        tracks = [out.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono") for _ in audio_seconds]
        if cover is not None:
            out.add_attachment("cover.png", "image/png", cover)
        if chapter:
            out.set_chapters([{"id": 1, "start": 0, "end": 40, "time_base": TIME_BASE, "metadata": {"title": "One"}}])
        out.start_encoding()
        packets = encode(stream.codec_context, pictures, pixel_format, pts)
        for i, packet in enumerate(packets):
            packets[i] = packet = _replaced(packet, damage[i]) if i in damage else packet
            packet.stream, packet.time_base = stream, TIME_BASE
        sound = [_audio_packets(t, s, seed) for seed, (t, s) in enumerate(zip(tracks, audio_seconds, strict=True))]
        contents = [[bytes(p) for p in track] for track in sound]
        everything = packets + [p for track in sound for p in track]
        for packet in sorted(everything, key=packet_seconds):
            out.mux(packet)
    return contents


def packet_seconds(packet: av.Packet) -> Fraction:
    return (packet.dts if packet.dts is not None else packet.pts) * packet.time_base


def _audio_packets(stream: av.AudioStream, seconds: float, seed: int) -> list[av.Packet]:
    rng, packets = np.random.default_rng(seed), []
    for begin in range(0, round(seconds * SAMPLE_RATE), 400):  # 50 ms each
        packet = av.Packet(rng.integers(0, 256, 800, dtype=np.uint8).tobytes())
        packet.pts = packet.dts = begin
        packet.duration, packet.time_base, packet.stream = 400, Fraction(1, SAMPLE_RATE), stream
        packets.append(packet)
    return packets


def _replaced(packet: av.Packet, content: bytes) -> av.Packet:
    other = av.Packet(content)
    other.pts, other.dts, other.duration, other.is_keyframe = packet.pts, packet.dts, packet.duration, True
    return other


def png() -> bytes:
    return raw_stream("png", [(torch.zeros(8, 8, dtype=torch.uint8),)], "gray")

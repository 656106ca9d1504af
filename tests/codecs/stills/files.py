"""Picture files with known pixels, and with what else may be in them, written by hand."""

import struct
import zlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SRGB_COLUMNS = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
P3_COLUMNS = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_COLUMNS = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO_COLUMNS = ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491))
"""XYZ of red, green and blue for white D50, as the makers' profiles have them."""

KINDS = {"png": "png", "jpg": "mjpeg", "tif": "tiff", "webp": "libwebp", "bmp": "bmp"}
LOSSLESS = ("png", "tif", "bmp")


def gradient(width: int = 12, height: int = 8) -> np.ndarray:
    """(H, W, 3), uint8, with no symmetry, smooth enough for JPEG."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + 12 * x, 30 + 20 * y, 200 - 8 * x - 6 * y], -1).astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str = "png", pixel_format: str | None = None) -> bytes:
    """A picture as FFmpeg's encoder writes it; pixels as PyAV takes them in the format."""
    native = {"jpg": "yuvj444p", "bmp": "bgr24", "webp": "yuv420p"}.get(kind, "rgb24")
    frame = av.VideoFrame.from_ndarray(pixels, pixel_format or "rgb24")
    context = av.CodecContext.create(KINDS[kind], "w")
    context.height, context.width = frame.height, frame.width
    context.pix_fmt = pixel_format or native
    context.time_base, context.thread_count = Fraction(1), 1
    if kind == "jpg":
        context.qmin = context.qmax = 2
        context.color_range = 2
    frame = frame.reformat(format=context.pix_fmt, dst_color_range=2 if kind == "jpg" else None)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def write(path: Path, pixels: np.ndarray | None = None, **chunks: bytes) -> Path:
    """A picture of the kind that its name says, with PNG chunks."""
    data = encoded(gradient() if pixels is None else pixels, path.suffix[1:])
    path.write_bytes(with_chunks(data, {name.encode(): body for name, body in chunks.items()}) if chunks else data)
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_chunks(png: bytes, chunks: Mapping[bytes, bytes]) -> bytes:
    return png[:33] + b"".join(chunk(*item) for item in chunks.items()) + png[33:]


def with_palette(opacity: bytes) -> bytes:
    """A PNG of two pixels, of the first and the second of three entries: 0, 1, 2 and 3, 4, 5."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(range(9))) + (chunk(b"tRNS", opacity) if opacity else b"")
    pixels = chunk(b"IDAT", zlib.compress(bytes([0, 0, 1])))
    return b"\x89PNG\r\n\x1a\n" + header + palette + pixels + chunk(b"IEND", b"")


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def directory(*entries: tuple[int, int, bytes], order: str = "<", at: int = 8) -> bytes:
    """A TIFF file of one directory, of values of up to four bytes: tag, type, value."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    tags = b"".join(
        struct.pack(order + "HHI", tag, kind, max(1, len(value) // {3: 2, 4: 4}.get(kind, 1))) + value.ljust(4, b"\0")
        for tag, kind, value in entries
    )
    return mark + struct.pack(order + "IH", at, len(entries)) + tags + bytes(4)


def exif(orientation: int, order: str = "<") -> bytes:
    return directory((274, 3, struct.pack(order + "H", orientation)), order=order)


def with_orientation(data: bytes, kind: str, orientation: int, order: str = "<") -> bytes:
    if kind == "jpg":
        return with_segment(data, 0xE1, b"Exif\0\0" + exif(orientation, order))
    if kind == "png":
        return with_chunks(data, {b"eXIf": exif(orientation, order)})
    if kind == "tif":
        return with_tag(data, 274, struct.pack("<H", orientation))
    raise ValueError(kind)


def with_tag(tiff: bytes, tag: int, value: bytes) -> bytes:
    """A little-endian TIFF file with another 16-bit tag: its directory copied to the end."""
    (at,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, at)
    entries = [tiff[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    entries = [e for e in entries if struct.unpack_from("<H", e)[0] != tag]
    entries.append(struct.pack("<HHI", tag, 3, 1) + value.ljust(4, b"\0"))
    entries.sort(key=lambda e: struct.unpack_from("<H", e)[0])
    end = len(tiff) + len(tiff) % 2
    return (
        tiff[:4] + struct.pack("<I", end) + tiff[8:].ljust(end - 8, b"\0")
        + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
    )  # fmt: skip


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def power(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


def table(entries: Sequence[float]) -> bytes:
    return (
        b"curv\0\0\0\0" + struct.pack(">I", len(entries)) + np.round(np.array(entries) * 65535).astype(">u2").tobytes()
    )


def formula(kind: int, *parameters: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + b"".join(map(fixed, parameters))


SRGB_CURVE = formula(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(tags: Mapping[bytes, bytes], space: bytes = b"RGB ", connection: bytes = b"XYZ ") -> bytes:
    """An ICC profile, version 4, of a display."""
    place, entries, bodies = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        body += bytes(-len(body) % 4)
        entries += struct.pack(">4sII", name, place + len(bodies), len(body))
        bodies += body
    head = bytearray(128)
    head[0:4], head[8:12], head[12:16] = struct.pack(">I", place + len(bodies)), b"\4\x40\0\0", b"mntr"
    head[16:20], head[20:24], head[36:40] = space, connection, b"acsp"
    head[68:80] = fixed(0.9642) + fixed(1) + fixed(0.8249)
    return bytes(head) + struct.pack(">I", len(tags)) + entries + bodies


def rgb_profile(columns: Sequence[Sequence[float]], curve: bytes, name: str = "") -> bytes:
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name.encode() + bytes(79)} if name else {}
    for colour, xyz in zip((b"r", b"g", b"b"), columns, strict=True):
        tags[colour + b"XYZ"] = b"XYZ \0\0\0\0" + b"".join(map(fixed, xyz))
        tags[colour + b"TRC"] = curve
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + fixed(0.9642) + fixed(1) + fixed(0.8249)
    return profile(tags)


def grey_profile(curve: bytes) -> bytes:
    return profile({b"kTRC": curve}, b"GRAY")


def icc_chunk(icc: bytes) -> bytes:
    return b"icc\0\0" + zlib.compress(icc)


def icc_segments(jpeg: bytes, icc: bytes, parts: int = 2) -> bytes:
    """The profile in so many APP2 segments, the last one first."""
    size = -(-len(icc) // parts)
    for number in range(1, parts + 1):
        piece = icc[(number - 1) * size : number * size]
        jpeg = with_segment(jpeg, 0xE2, b"ICC_PROFILE\0" + bytes([number, parts]) + piece)
    return jpeg

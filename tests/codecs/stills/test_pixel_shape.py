"""Pixels that are no squares, by what picture files say of their density, up to what is delivered."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest

from tests.codecs.stills.files import chunk, encoded, gradient, with_chunks, with_orientation, with_segment, with_tag
from tests.codecs.written import ffprobe, witness
from tests.conversions import IDENTITY, options
from tsexpand.codecs.description import AS_TAGGED
from tsexpand.codecs.source import open_source
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.codecs.stills.decode import read_still
from tsexpand.codecs.stills.pixel_shape import pixel_aspect
from tsexpand.convert import convert
from tsexpand.errors import InputError

WIDE = Fraction(4, 3)


def aspect(data: bytes, folder: Path) -> Fraction:
    (folder / "a").write_bytes(data)
    return read_still(str(folder / "a"), AS_TAGGED).info.sample_aspect_ratio


@pytest.mark.parametrize(
    ("across", "down", "expected"),
    [
        (3, 4, WIDE),
        (Fraction(72), Fraction(96), WIDE),
        (204, 98, Fraction(49, 102)),  # a fax
        (2835, 2835, Fraction(1)),
        (2835, 2834, Fraction(1)),  # rounded
        (1, 4, Fraction(4)),
        (1, 5, Fraction(1)),  # not meant so
        (0, 1, Fraction(1)),
        (1, 0, Fraction(1)),
        (2**32 - 1, 2**31 - 1, Fraction(1, 2)),  # as numbers that a bitstream can hold
    ],
)
def test_densities_say_the_shape(across: int, down: int, expected: Fraction) -> None:
    assert pixel_aspect(across, down) == expected


def with_density(png: bytes, across: int, down: int, unit: int, **before: bytes) -> bytes:
    density = {b"pHYs": struct.pack(">2IB", across, down, unit)}
    head, rest = png[:33], png[33:]
    while rest[4:8] != b"IDAT":  # FFmpeg's own
        rest = rest[12 + int.from_bytes(rest[:4], "big") :]
    return with_chunks(head + rest, {name.encode(): body for name, body in before.items()} | density)


@pytest.mark.parametrize("unit", [0, 1])
def test_png_states_densities(tmp_path: Path, unit: int) -> None:
    assert aspect(with_density(encoded(gradient()), 3, 4, unit, sRGB=b"\0"), tmp_path) == WIDE


def test_a_density_without_pixels_is_refused(tmp_path: Path) -> None:
    empty = with_density(encoded(gradient()), 3, 4, 0)[:54] + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="undecodable"):
        aspect(empty, tmp_path)


def test_a_large_png_in_large_pieces_is_not_of_ffmpeg(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (80, 80, 3), np.uint8)
    png = with_density(encoded(noise), 3, 4, 0)
    pieces = png[54:]  # behind the signature, the header and pHYs
    pixels = b""
    while pieces[4:8] == b"IDAT":
        length = int.from_bytes(pieces[:4], "big")
        pixels += pieces[8 : 8 + length]
        pieces = pieces[12 + length :]
    joined = png[:54] + b"".join(chunk(b"IDAT", pixels[at : at + 8192]) for at in range(0, len(pixels), 8192)) + pieces
    assert len(pixels) > 8192
    assert aspect(png, tmp_path) == 1 / WIDE
    assert aspect(joined, tmp_path) == WIDE


def written_by_ffmpeg(kind: str, ratio: Fraction) -> bytes:
    """A picture of a clip, with the aspect of the clip's pixels."""
    codec, pixel_format = {"png": ("png", "rgb24"), "jpg": ("mjpeg", "yuvj444p"), "tif": ("tiff", "rgb24")}[kind]
    frame = av.VideoFrame.from_ndarray(gradient(), "rgb24").reformat(format=pixel_format)
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = 12, 8, pixel_format, Fraction(1)
    context.sample_aspect_ratio, context.thread_count = ratio, 1
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
@pytest.mark.parametrize("ratio", [WIDE, Fraction(8, 9), Fraction(1)])
def test_pictures_that_ffmpeg_took_out_of_a_clip_have_its_shape(tmp_path: Path, kind: str, ratio: Fraction) -> None:
    assert aspect(written_by_ffmpeg(kind, ratio), tmp_path) == ratio


def jfif(unit: int, across: int, down: int) -> bytes:
    return b"JFIF\0\1\2" + struct.pack(">B2H", unit, across, down) + b"\0\0"


@pytest.mark.parametrize("unit", [0, 1, 2])
def test_jpeg_states_densities(tmp_path: Path, unit: int) -> None:
    """Those of FFmpeg's JFIF header come behind ours, and its comment is taken away."""
    data = encoded(gradient(), "jpg").replace(b"Lavc", b"None")
    assert aspect(with_segment(data, 0xE0, jfif(unit, 300, 400)), tmp_path) == WIDE


def test_a_damaged_jfif_header_says_nothing(tmp_path: Path) -> None:
    assert aspect(with_segment(encoded(gradient(), "jpg"), 0xE0, b"JFIF\0\1\2"), tmp_path) == 1


@pytest.mark.parametrize("tag", [282, 283])
def test_damaged_densities_of_tiff_say_nothing(tmp_path: Path, tag: int) -> None:
    assert aspect(with_tag(written_by_ffmpeg("tif", WIDE), tag, b"\1\0"), tmp_path) == 1


# Deliveries


def test_exr_states_it_upright(tmp_path: Path) -> None:
    wide = with_density(encoded(gradient()), 3, 4, 1)
    for name, data, expected in (("a", wide, WIDE), ("b", with_orientation(wide, "png", 6), 1 / WIDE)):
        (tmp_path / f"{name}.png").write_bytes(data)
        convert(options(tmp_path / f"{name}.png", tmp_path / f"{name}.exr"), IDENTITY)
        header = OpenEXR.File(str(tmp_path / f"{name}.exr"), header_only=True).header()
        assert header["pixelAspectRatio"] == pytest.approx(float(expected))
    assert "pixelAspectRatio (type float): 1.33333" in witness("exrheader", str(tmp_path / "a.exr"))


def test_a_sequence_has_it_in_video(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / f"in/s.{number}.png").write_bytes(with_density(encoded(gradient(64, 48)), 3, 4, 1))
    for name in ("a.mp4", "a.mkv"):
        convert(options(tmp_path / "in", tmp_path / name, frame_rate=Fraction(24)), IDENTITY)
        with av.open(tmp_path / name) as file:
            assert file.streams.video[0].sample_aspect_ratio == WIDE
        assert ffprobe(tmp_path / name)["streams"][0]["sample_aspect_ratio"] == "4:3"


def test_a_later_picture_of_another_shape_is_told(tmp_path: Path) -> None:
    for number, density in enumerate((3, 3, 4, 4)):
        (tmp_path / f"s.{number}.png").write_bytes(with_density(encoded(gradient()), density, 4, 1))
    with open_source(str(tmp_path), SourceOptions(frame_rate=Fraction(4))) as source:
        assert sum(len(batch) for batch in source.batches(2)) == 4
        assert source.info.sample_aspect_ratio == WIDE
        assert source.info.notices == (
            "Further on, of 2 pictures, the first at 00:00:00.500: Pixels are 1:1, and shown as those of the first.",
        )


def test_other_programs_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(with_density(encoded(gradient()), 3, 4, 1))
    assert "PixelAspectRatio: 1.33333" in witness("oiiotool", "--info", "-v", str(tmp_path / "a.png"))
    witness("oiiotool", str(tmp_path / "a.png"), "--attrib", "PixelAspectRatio", "2.0", "-o", str(tmp_path / "b.png"))
    assert read_still(str(tmp_path / "b.png"), AS_TAGGED).info.sample_aspect_ratio == 2
    resolution = ("-XResolution=100", "-YResolution=150", "-ResolutionUnit=inches")
    (tmp_path / "c.tif").write_bytes(encoded(gradient(), "tif"))
    witness("exiftool", "-q", "-o", str(tmp_path / "d.tif"), *resolution, str(tmp_path / "c.tif"))
    assert read_still(str(tmp_path / "d.tif"), AS_TAGGED).info.sample_aspect_ratio == Fraction(3, 2)
    (tmp_path / "e.jpg").write_bytes(encoded(gradient(), "jpg"))
    densities = [argument.replace("-X", "-JFIF:X").replace("-Y", "-JFIF:Y") for argument in resolution[:2]]
    unit = "-JFIF:ResolutionUnit=inches"
    witness("exiftool", "-q", "-o", str(tmp_path / "f.jpg"), *densities, unit, str(tmp_path / "e.jpg"))
    assert read_still(str(tmp_path / "f.jpg"), AS_TAGGED).info.sample_aspect_ratio == Fraction(3, 2)

"""Opacity of pictures, single ones and sequences, up to what is delivered."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch

from tests.codecs.stills.files import (
    ADOBE_COLUMNS,
    chunk,
    encoded,
    gradient,
    icc_chunk,
    power,
    rgb_profile,
    with_chunks,
    with_orientation,
    with_palette,
    with_tag,
)
from tests.codecs.written import witness
from tests.conversions import IDENTITY, options
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.description import AS_TAGGED
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.source import Source, open_source
from tsexpand.codecs.source_options import AS_HDR, SourceOptions
from tsexpand.codecs.stills.decode import Still, read_still
from tsexpand.codecs.stills.facts import Opacity
from tsexpand.codecs.stills.opacity import straight
from tsexpand.codecs.stills.webp import read_webp
from tsexpand.colour.codes import Primaries
from tsexpand.convert import convert
from tsexpand.errors import InputError
from tsexpand.verify import verify

SIZE = (24, 16)
ALPHA = np.tile(np.linspace(0, 255, SIZE[0]).round().astype(np.uint8), (SIZE[1], 1))
RGBA = np.dstack([gradient(*SIZE), ALPHA])
LOST = "Transparency is not kept."
VIDEO_LOST = "transparency is not kept; EXR and ProRes 4444 keep it"


def read(data: bytes, folder: Path) -> Still:
    (folder / "a").write_bytes(data)
    return read_still(str(folder / "a"), AS_TAGGED)


def codes(still: Still) -> np.ndarray:
    return np.stack([plane[0].numpy() for plane in still.planes], -1)


def multiplied(rgba: np.ndarray) -> np.ndarray:
    colours = rgba[..., :3] * (rgba[..., 3:] / 255)
    return np.dstack([colours.round().astype(np.uint8), rgba[..., 3]])


def channels(path: Path) -> dict[str, np.ndarray]:
    found = OpenEXR.File(str(path), separate_channels=True).channels()
    return {name: channel.pixels.astype(float) for name, channel in found.items()}


@pytest.mark.parametrize(
    ("kind", "pixel_format"), [("png", "rgba"), ("png", "rgba64be"), ("png", "ya8"), ("tif", "rgba"), ("bmp", "bgra")]
)
def test_it_is_read_exactly(tmp_path: Path, kind: str, pixel_format: str) -> None:
    pixels = {
        "rgba64be": RGBA.astype(np.uint16) * 257,
        "ya8": RGBA[..., 2:],
        "bgra": RGBA[..., [2, 1, 0, 3]],
    }.get(pixel_format, RGBA)
    data = grey_with_alpha(pixels) if pixel_format == "ya8" else encoded(pixels, kind, pixel_format)
    still = read(data, tmp_path)
    assert still.info.has_alpha and still.info.notices == ()
    assert still.alpha is not None
    torch.testing.assert_close(still.alpha, torch.from_numpy(ALPHA / 255).float().unsqueeze(0), rtol=0, atol=1e-7)


def grey_with_alpha(pixels: np.ndarray) -> bytes:
    header = struct.pack(">IIBBBBB", *SIZE, 8, 4, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_where_all_is_opaque_a_picture_has_none(tmp_path: Path) -> None:
    opaque = np.dstack([RGBA[..., :3], np.full_like(ALPHA, 255)])
    assert not read(encoded(opaque, "png", "rgba"), tmp_path).info.has_alpha
    opaque[3, 3, 3] = 254
    assert read(encoded(opaque, "png", "rgba"), tmp_path).info.has_alpha


@pytest.mark.parametrize(
    ("entries", "expected"),
    [(b"", None), (b"\xff\xff", None), (b"\xff\xff\0", None), (b"\xff\x80", [1, 128 / 255]), (b"\0", [0, 1])],
)
def test_a_palette_may_be_transparent(tmp_path: Path, entries: bytes, expected: list[float] | None) -> None:
    still = read(with_palette(entries), tmp_path)
    assert codes(still).tolist() == [[[0, 1, 2], [3, 4, 5]]]
    assert still.info.has_alpha is (expected is not None)
    assert (still.alpha is None) if expected is None else still.alpha.flatten().tolist() == pytest.approx(expected)


def test_associated_opacity_of_tiff_is_divided_out(tmp_path: Path) -> None:
    data = with_tag(encoded(multiplied(RGBA), "tif", "rgba"), 338, struct.pack("<H", 1))
    still = read(data, tmp_path)
    step = np.maximum(1, np.ceil(128 / np.maximum(ALPHA, 1)))[..., None]  # what rounding to a code costs
    visible = ALPHA[..., None] > 0
    difference = np.abs(codes(still).astype(int) - RGBA[..., :3])
    assert (difference * visible <= step).all()
    assert (codes(still)[:, 0] == 0).all()  # where nothing is seen nothing is known
    assert (codes(still)[:, -1] == RGBA[:, -1, :3]).all()


def test_a_channel_that_is_not_said_to_be_opacity_is_none(tmp_path: Path) -> None:
    still = read(with_tag(encoded(RGBA, "tif", "rgba"), 338, b"\0\0"), tmp_path)
    assert still.alpha is None and not still.info.has_alpha
    assert still.info.notices == ("Its last channel, which is not said to be opacity, is not kept.",)
    assert (codes(still) == RGBA[..., :3]).all()


def test_codes_beyond_their_opacity_end_at_white() -> None:
    plane = torch.tensor([[[200, 10, 7, 0]]], dtype=torch.uint8)
    alpha = torch.tensor([[[100 / 255, 100 / 255, 0, 1 / 255]]])
    (result,) = straight((plane,), alpha, 8)
    assert result.dtype is torch.uint8 and result.flatten().tolist() == [255, 26, 7, 0]


def test_lossless_webp_without_opacity_says_so(tmp_path: Path) -> None:
    """Of its bits one says whether there is opacity; the decoder gives a plane of it in any case."""
    head = (SIZE[0] - 1) | (SIZE[1] - 1) << 14
    for bit, opacity in ((0, Opacity.NONE), (1 << 28, Opacity.STRAIGHT)):
        body = b"VP8L" + struct.pack("<IBI", 5, 0x2F, head | bit) + b"\0"
        assert read_webp(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body).opacity is opacity
    for flags, opacity in ((0, Opacity.NONE), (16, Opacity.STRAIGHT)):
        body = b"VP8X" + struct.pack("<I", 10) + bytes([flags]) + bytes(9)
        assert read_webp(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body).opacity is opacity


# Deliveries


def test_exr_is_multiplied_by_it_in_light(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(RGBA, "png", "rgba"))
    (tmp_path / "opaque.png").write_bytes(encoded(RGBA[..., :3]))
    for name in ("a", "opaque"):
        report = convert(options(tmp_path / f"{name}.png", tmp_path / f"{name}.exr"), IDENTITY)
        assert not any("ransparen" in notice for notice in report.notices)
    found, opaque = channels(tmp_path / "a.exr"), channels(tmp_path / "opaque.exr")
    assert set(found) == {"R", "G", "B", "A"} and set(opaque) == {"R", "G", "B"}
    assert found["A"] == pytest.approx(ALPHA / 255, abs=3e-4)
    for name in "RGB":
        assert found[name] == pytest.approx(opaque[name] * ALPHA / 255, rel=2e-3, abs=1e-6)
    assert "A, 16-bit floating-point" in witness("exrheader", str(tmp_path / "a.exr"))
    told = witness("oiiotool", str(tmp_path / "a.exr"), "--echo", "{TOP.nchannels} {TOP.alpha_channel}")
    assert told.split()[0] == "4"


def test_white_is_zero_with_opacity_is_refused(tmp_path: Path) -> None:
    data = encoded(RGBA, "tif", "rgba")
    with pytest.raises(InputError, match="save it with black as zero"):
        read(with_tag(data, 262, b"\0\0"), tmp_path)


def test_what_was_opaque_with_fewer_bits_is(tmp_path: Path) -> None:
    codes = np.full((*ALPHA.shape, 4), 65532, np.uint16)
    assert not read(encoded(codes, "png", "rgba64be"), tmp_path).info.has_alpha
    codes[0, 0, 3] = 65400
    assert read(encoded(codes, "png", "rgba64be"), tmp_path).info.has_alpha


def test_it_turns_with_the_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(with_orientation(encoded(RGBA, "png", "rgba"), "png", 6))
    convert(options(tmp_path / "a.png", tmp_path / "a.exr"), IDENTITY)
    assert channels(tmp_path / "a.exr")["A"] == pytest.approx(np.rot90(ALPHA, -1) / 255, abs=3e-4)


def test_a_profile_leaves_it_alone(tmp_path: Path) -> None:
    profiled = with_chunks(encoded(RGBA, "png", "rgba"), {b"iCCP": icc_chunk(rgb_profile(ADOBE_COLUMNS, power(2.2)))})
    still = read(profiled, tmp_path)
    assert still.info.signal.primaries is not Primaries.BT709
    assert still.alpha is not None and (still.alpha[0].numpy() == (ALPHA / 255).astype(np.float32)).all()


@pytest.mark.parametrize("name", ["a.hdr", "b.png", "a.avif"])
def test_other_pictures_tell_that_it_is_lost(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").write_bytes(encoded(RGBA, "png", "rgba"))
    report = convert(options(tmp_path / "a.png", tmp_path / name), IDENTITY)
    assert report.notices.count(VIDEO_LOST) == 1


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """A title that fades in: opaque at first by what its pixels say, not by their kind."""
    folder = tmp_path / "title"
    folder.mkdir()
    for number in range(4):
        alpha = np.full_like(ALPHA, 255 - 60 * number)
        (folder / f"t.{number + 1:02}.png").write_bytes(encoded(np.dstack([RGBA[..., :3], alpha]), "png", "rgba"))
    return folder


def opened(folder: Path, **settings: bool) -> Source:
    return open_source(str(folder), SourceOptions(frame_rate=Fraction(24), **settings))


def opacities(source: Source) -> list[float] | None:
    with source:
        alphas = [batch.alpha for batch in source.batches(3)]
    assert source.info.has_alpha is (alphas[0] is not None)
    return None if alphas[0] is None else torch.cat(alphas).amax(dim=(1, 2)).mul(255).round().tolist()


def test_a_sequence_has_it_from_its_first_picture_on(sequence: Path) -> None:
    assert opacities(opened(sequence)) == [255, 195, 135, 75]
    source = opened(sequence)
    with source:
        (batch, _) = source.batches(3)
        assert batch.alpha is not None and batch.alpha.shape == (3, 16, 24) and batch.alpha.dtype is torch.float32


def test_another_pixel_format_is_told_where_it_is_brought_to_the_first(sequence: Path) -> None:
    (sequence / "t.01.png").write_bytes(encoded(RGBA[..., :3]))
    source = opened(sequence, scales=True)
    assert opacities(source) is None
    assert source.info.notices == (f"Further on, of 3 pictures, the first at 00:00:00.042: {LOST}",)
    (sequence / "t.01.png").write_bytes(encoded(RGBA, "png", "rgba"))
    (sequence / "t.02.png").write_bytes(encoded(RGBA[..., :3]))
    source = opened(sequence, scales=True)
    assert opacities(source) == [255, 255, 135, 75]
    assert source.info.notices == ()


def test_sequences_keep_it_in_exr_and_can_be_verified(sequence: Path, tmp_path: Path) -> None:
    convert(options(sequence, tmp_path / "exr", frame_rate=Fraction(24)), IDENTITY)
    names = sorted((tmp_path / "exr").iterdir())
    assert [round(float(channels(name)["A"].max()) * 255) for name in names] == [255, 195, 135, 75]
    assert verify(str(tmp_path / "exr")).passed


def test_prores_4444_keeps_it(sequence: Path, tmp_path: Path) -> None:
    made = options(sequence, tmp_path / "a.mov", frame_rate=Fraction(24), encoder=EncoderOptions("prores_4444"))
    assert not any("ransparen" in notice for notice in convert(made, IDENTITY).notices)
    with VideoSource(str(tmp_path / "a.mov"), AS_HDR) as source:
        (batch,) = source.batches(4)
    assert batch.alpha is not None
    assert batch.alpha.mean(dim=(1, 2)).mul(255).tolist() == pytest.approx([255, 195, 135, 75], abs=0.5)
    report = convert(options(sequence, tmp_path / "a.mp4", frame_rate=Fraction(24)), IDENTITY)
    assert report.notices.count(VIDEO_LOST) == 1

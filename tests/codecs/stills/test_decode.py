"""What is read of a picture file: pixels, orientation, colour, and that it is whole."""

import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.codecs.stills.files import (
    ADOBE_COLUMNS,
    LOSSLESS,
    P3_COLUMNS,
    SRGB_COLUMNS,
    SRGB_CURVE,
    chunk,
    directory,
    encoded,
    formula,
    gradient,
    grey_profile,
    icc_chunk,
    icc_segments,
    power,
    profile,
    rgb_profile,
    with_chunks,
    with_orientation,
    with_segment,
    with_tag,
    write,
)
from tsexpand.codecs.description import AS_TAGGED, SignalOverrides
from tsexpand.codecs.stills.decode import Still, read_still
from tsexpand.codecs.stills.kinds import is_still
from tsexpand.codecs.stills.png import chunks, drawn_png
from tsexpand.colour.codes import Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.primaries import convert
from tsexpand.colour.shown import shown_light, shown_signal
from tsexpand.errors import InputError
from tsexpand.sinks.orientation import orientation_of


def read(path: Path, overrides: SignalOverrides = AS_TAGGED) -> Still:
    return read_still(str(path), overrides)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def codes(still: Still) -> np.ndarray:
    """(H, W, 3) of 8 bits, not turned."""
    shown = shown_signal(still.planes, still.info.signal)[0]
    return (shown.permute(1, 2, 0).numpy() * 255).round()


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp", "bmp"])
def test_pixels_are_those_of_the_file(tmp_path: Path, kind: str) -> None:
    still = read(write(tmp_path / f"a.{kind}"))
    off = np.abs(codes(still) - gradient())
    assert off.max() <= (0 if kind in LOSSLESS else 20) and off.mean() <= (0 if kind in LOSSLESS else 5)
    assert (still.info.width, still.info.height) == (12, 8)
    assert still.info.signal.transfer is Transfer.SRGB and still.info.signal.primaries is Primaries.BT709
    assert [guess.field for guess in still.info.guesses] == ["transfer", "primaries"]
    assert is_still(str(tmp_path / f"a.{kind}"))


@pytest.mark.parametrize(
    ("pixel_format", "kind", "depth"),
    [("gray", "png", 8), ("gray16be", "png", 16), ("rgb48be", "png", 16), ("gray", "tif", 8), ("rgb48le", "tif", 16)],
)
def test_depths_and_grey(tmp_path: Path, pixel_format: str, kind: str, depth: int) -> None:
    largest = (1 << depth) - 1
    values = np.linspace(0, largest, 8 * 12).astype(np.uint8 if depth == 8 else np.uint16).reshape(8, 12)
    pixels = np.repeat(values[..., None], 3, -1) if pixel_format.startswith("rgb") else values
    still = read(written(tmp_path / f"a.{kind}", encoded(pixels, kind, pixel_format)))
    assert len(still.planes) == (3 if pixel_format.startswith("rgb") else 1)
    assert still.info.signal.bit_depth == depth
    assert all(np.array_equal(plane[0].numpy(), values) for plane in still.planes)


def test_a_tiff_says_whether_its_ycbcr_is_limited(tmp_path: Path) -> None:
    planes = np.concatenate([np.full((8, 12), 235), np.full((4, 12), 128)]).astype(np.uint8)
    data = encoded(planes, "tif", "yuv420p")  # FFmpeg takes codes for limited, and says so: ReferenceBlackWhite
    still = read(written(tmp_path / "a.tif", data))
    assert still.info.signal.signal_range is SignalRange.LIMITED
    assert (codes(still) == 255).all()
    unsaid = read(written(tmp_path / "b.tif", with_tag(data, 532, b"\0\0")))
    assert unsaid.info.signal.signal_range is SignalRange.FULL
    assert (codes(unsaid) == 235).all()


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}
"""What a viewer shows of each orientation: 6 is turned clockwise, 8 anticlockwise (JEITA CP-3451, 4.6.4)."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["png", "tif", "jpg"])
def test_pictures_are_turned_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    data = with_orientation(encoded(gradient(), kind), kind, orientation, "<" if orientation % 2 else ">")
    still = read(written(tmp_path / f"a.{kind}", data))
    turn = orientation_of(still.info.display_matrix)
    assert turn is not None
    upright = turn.upright(torch.from_numpy(codes(still)).permute(2, 0, 1)).permute(1, 2, 0).numpy()
    expected = UPRIGHT[orientation](gradient())
    assert upright.shape == expected.shape
    assert np.abs(upright - expected).mean() <= (0 if kind in LOSSLESS else 5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_what_exiftool_writes(tmp_path: Path, orientation: int) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool")
    path = write(tmp_path / "a.jpg")
    subprocess.run(["exiftool", "-q", "-n", f"-Orientation={orientation}", "-overwrite_original", path], check=True)
    whole = read(written(tmp_path / "b.jpg", with_orientation(encoded(gradient(), "jpg"), "jpg", orientation)))
    assert read(path).info.display_matrix == whole.info.display_matrix


@pytest.mark.parametrize(
    ("columns", "curve", "primaries", "transfer"),
    [
        (SRGB_COLUMNS, SRGB_CURVE, Primaries.BT709, Transfer.SRGB),
        (P3_COLUMNS, SRGB_CURVE, Primaries.SMPTE432, Transfer.SRGB),
        (SRGB_COLUMNS, power(2.2), Primaries.BT709, Transfer.GAMMA22),
        (SRGB_COLUMNS, formula(0, 2.4), Primaries.BT709, Transfer.BT709),
    ],
)
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_profiles_that_have_code_points(
    tmp_path: Path, kind: str, columns: tuple, curve: bytes, primaries: Primaries, transfer: Transfer
) -> None:
    icc, data = rgb_profile(columns, curve), encoded(gradient(), kind)
    data = with_chunks(data, {b"iCCP": icc_chunk(icc)}) if kind == "png" else icc_segments(data, icc, 3)
    info = read(written(tmp_path / f"a.{kind}", data)).info
    assert (info.signal.primaries, info.signal.transfer) == (primaries, transfer)
    assert info.signal.bit_depth == 8 and info.guesses == () and info.notices == ()


def test_a_profile_without_code_points_is_honoured_by_its_numbers(tmp_path: Path) -> None:
    """Against colour-science: Adobe RGB (1998) to linear BT.709."""
    colour = pytest.importorskip("colour")
    icc = rgb_profile(ADOBE_COLUMNS, power(563 / 256), "Adobe RGB")
    still = read(write(tmp_path / "a.png", iCCP=icc_chunk(icc)))
    light = convert(shown_light(still.planes, still.info.signal, 1.0), still.info.signal.primaries, Primaries.BT709)
    adobe, rec709 = (colour.RGB_COLOURSPACES[name] for name in ("Adobe RGB (1998)", "ITU-R BT.709"))
    expected = (gradient() / 255) ** (563 / 256) @ colour.matrix_RGB_to_RGB(adobe, rec709, None).T
    assert light[0].permute(1, 2, 0).numpy() == pytest.approx(expected, abs=3e-4)
    assert still.info.signal.bit_depth == 16 and still.info.signal.signal_range is SignalRange.FULL
    (notice,) = still.info.notices
    assert notice.startswith("Its colour profile (Adobe RGB) has no code points: converted to BT2020, 16 bit; --input-")


@pytest.mark.parametrize("index", [b"R03\0", b"R98\0"])
def test_a_camera_may_say_adobe_rgb_without_a_profile(tmp_path: Path, index: bytes) -> None:
    first = directory((34665, 4, struct.pack("<I", 26)))
    second = directory((40965, 4, struct.pack("<I", 44)))[8:]
    third = directory((1, 2, index))[8:]
    block = b"Exif\0\0" + (first + second + third)
    info = read(written(tmp_path / "a.jpg", with_segment(encoded(gradient(), "jpg"), 0xE1, block))).info
    assert any("Adobe RGB (1998)" in notice for notice in info.notices) == (index == b"R03\0")


@pytest.mark.parametrize("kind", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(
    "tag", ["Artist=Someone", "DateTimeOriginal=2001:02:03 04:05:06", "GPSLatitude=1", "XResolution=72"]
)
def test_author_date_and_place_are_told_of(tmp_path: Path, kind: str, tag: str) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool")
    path = write(tmp_path / f"a.{kind}")
    command = ["exiftool", "-q", "-n", f"-EXIF:{tag}", "-EXIF:Orientation=6", "-overwrite_original", str(path)]
    subprocess.run(command, check=True)
    info = read(path).info
    told = () if tag.startswith("XRes") else ("EXIF other than orientation is not kept.",)
    assert info.notices == told and info.display_matrix is not None


@pytest.mark.parametrize(("tag", "told"), [(315, True), (34853, True), (282, False), (305, False)])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_what_of_exif_is_told_of(tmp_path: Path, kind: str, tag: int, told: bool) -> None:
    block, data = directory((tag, 4, bytes(4))), encoded(gradient(), kind)
    data = with_segment(data, 0xE1, b"Exif\0\0" + block) if kind == "jpg" else with_chunks(data, {b"eXIf": block})
    assert bool(read(written(tmp_path / f"a.{kind}", data)).info.notices) is told


def test_grey_has_a_curve(tmp_path: Path) -> None:
    values = np.arange(96, dtype=np.uint8).reshape(8, 12) * 2
    data = with_chunks(encoded(values, "png", "gray"), {b"iCCP": icc_chunk(grey_profile(power(1.8)))})
    still = read(written(tmp_path / "a.png", data))
    light = shown_light(still.planes, still.info.signal, 1.0)[0, 1].numpy()
    assert light == pytest.approx((values / 255) ** (round(1.8 * 256) / 256), abs=1e-4)


@pytest.mark.parametrize(
    ("icc", "why"),
    [
        (profile({b"A2B0": b"mft2" + bytes(100)}), "lookup tables"),
        (profile({b"A2B0": b"mft2" + bytes(100)}, b"CMYK", b"Lab "), "its colours are CMYK"),
        (b"junk" * 50, "no signature"),
        (rgb_profile(SRGB_COLUMNS, SRGB_CURVE)[:200], "damaged"),
        (rgb_profile(SRGB_COLUMNS, formula(9, 1.0)), "damaged"),
        (rgb_profile(((0.3, 0.3, 0.3),) * 3, SRGB_CURVE), "span no space"),
        (b"", "no signature"),
        (rgb_profile(SRGB_COLUMNS, power(0)), "does not rise"),
        (rgb_profile(SRGB_COLUMNS, formula(0, 0.0)), "does not rise"),
    ],
)
def test_a_profile_that_cannot_be_honoured_is_refused(tmp_path: Path, icc: bytes, why: str) -> None:
    path = write(tmp_path / "a.png", iCCP=icc_chunk(icc))
    with pytest.raises(InputError, match=rf"a\.png: its colour profile can't be honoured: .*{why}.*--input-transfer"):
        read(path)
    info = read(path, SignalOverrides(transfer=Transfer.SRGB, primaries=Primaries.BT709)).info
    assert info.notices == ("Its colour profile is disregarded, as asked for.",)


DISPLAY_P3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def test_png_chunks_in_their_order(tmp_path: Path) -> None:
    p3 = icc_chunk(rgb_profile(P3_COLUMNS, SRGB_CURVE))
    gama = struct.pack(">I", 45455)
    found = []
    for held in (
        {"cICP": bytes([9, 1, 0, 1]), "iCCP": p3},
        {"iCCP": p3, "sRGB": b"\0", "gAMA": gama},
        {"sRGB": b"\0", "gAMA": gama},
        {"gAMA": gama},
        {"gAMA": struct.pack(">I", 100_000)},
        {"gAMA": bytes(4), "cHRM": DISPLAY_P3},
        {"gAMA": bytes(4)},
        {"gAMA": struct.pack(">I", 50994)},
        {"cICP": bytes([2, 1, 0, 1]), "gAMA": gama},
        {"cICP": bytes([2, 2, 0, 1]), "gAMA": gama},
    ):
        signal = read(write(tmp_path / "a.png", **held)).info.signal
        found.append((signal.primaries, signal.transfer, signal.bit_depth))
    assert found == [
        (Primaries.BT2020, Transfer.BT709, 8),
        (Primaries.SMPTE432, Transfer.SRGB, 8),
        (Primaries.BT709, Transfer.SRGB, 8),
        (Primaries.BT709, Transfer.GAMMA22, 8),
        (Primaries.BT709, Transfer.BT709, 16),  # linear, converted
        (Primaries.SMPTE432, Transfer.SRGB, 8),  # an exponent of 0 says nothing
        (Primaries.BT709, Transfer.SRGB, 8),
        (Primaries.BT709, Transfer.BT709, 8),  # FFmpeg's way to say code 1
        (Primaries.BT709, Transfer.BT709, 8),
        (Primaries.BT709, Transfer.GAMMA22, 8),
    ]


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        ({"gAMA": struct.pack(">I", 50000)}, "gAMA 0.5"),
        (
            {"gAMA": struct.pack(">I", 51020), "cHRM": DISPLAY_P3},
            "gAMA 0.5102, cHRM 0.3127 0.329 0.68 0.32 0.265 0.69 0.15 0.06",
        ),
    ],
)
def test_a_conversion_names_the_numbers_and_how_to_disregard_them(
    tmp_path: Path, chunks: dict[str, bytes], found: str
) -> None:
    path = write(tmp_path / "a.png", **chunks)
    (notice,) = read(path).info.notices
    assert notice.startswith(f"Its colour profile ({found}) has no") and "--input-transfer (such as bt1886)" in notice
    overridden = read(path, SignalOverrides(transfer=Transfer.BT709, primaries=Primaries.BT709)).info
    assert overridden.signal.transfer is Transfer.BT709 and overridden.notices == () == overridden.guesses


@pytest.mark.parametrize("transfer", [16, 18])
def test_what_is_hdr_already_is_refused(tmp_path: Path, transfer: int) -> None:
    path = write(tmp_path / "a.png", cICP=bytes([9, transfer, 0, 1]))
    with pytest.raises(InputError, match="already HDR"):
        read(path)
    assert read(path, SignalOverrides(hdr=True)).info.signal.transfer == transfer


def test_overrides_count_more_than_the_file(tmp_path: Path) -> None:
    chosen = SignalOverrides(transfer=Transfer.GAMMA28, matrix=Matrix.BT709, signal_range=SignalRange.LIMITED)
    info = read(write(tmp_path / "a.jpg"), chosen).info
    assert (info.signal.transfer, info.signal.matrix) == (Transfer.GAMMA28, Matrix.BT709)
    assert info.signal.signal_range is SignalRange.LIMITED
    assert [guess.field for guess in info.guesses] == ["primaries"]


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp", "bmp"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.99])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kind: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    data = encoded(noise, kind)
    path = written(tmp_path / f"a.{kind}", data[: int(len(data) * part)])
    with pytest.raises(InputError, match=r"cut off|undecodable|not a picture"):
        read(path)


def test_damage_in_a_png_is_noticed_by_its_checksums(tmp_path: Path) -> None:
    data = bytearray(encoded(gradient()))
    data[-20] ^= 1
    with pytest.raises(InputError, match="damaged: the checksum of its IDAT"):
        read(written(tmp_path / "a.png", bytes(data)))


def test_a_jpeg_that_lost_its_middle_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    data = encoded(noise, "jpg")
    with pytest.raises(InputError, match="undecodable"):
        read(written(tmp_path / "a.jpg", data[: len(data) // 2] + data[len(data) * 3 // 4 :]))


def test_the_first_picture_of_a_file_of_several(tmp_path: Path) -> None:
    first, second = encoded(gradient(), "jpg"), encoded(255 - gradient(), "jpg")
    both = read(written(tmp_path / "a.jpg", first + second))
    alone = read(written(tmp_path / "b.jpg", first))
    assert all(torch.equal(*planes) for planes in zip(both.planes, alone.planes, strict=True))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 20, 8, 8, 8, 4) + bytes(12), "CMYK"),
        (with_tag(encoded(gradient(), "tif"), 262, struct.pack("<H", 5)), "CMYK, Lab"),
        (with_tag(encoded(gradient(), "tif"), 262, struct.pack("<H", 32803)), "raw file"),
        (with_tag(encoded(gradient(), "tif"), 254, struct.pack("<H", 1)), "raw file"),
        (b"II*\0", "cut off"),
        (b"MM\0*\0\0\0\x08", "cut off"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b""), "undecodable"),
        (b"\xff\xd8\xff\xd9", "undecodable"),
        (b"RIFF\x04\0\0\0WEBP", "undecodable"),
        (b"", "not a picture"),
        (b"GIF89a", "not a picture"),
    ],
)
def test_what_is_no_picture_of_light_is_refused_in_a_line(tmp_path: Path, data: bytes, why: str) -> None:
    path = written(tmp_path / "a.jpg", data)
    with pytest.raises(InputError, match=rf"a\.jpg: .*{why}"):
        read(path)


def test_a_profile_of_a_tiff_is_never_skipped(tmp_path: Path) -> None:
    """It would count as sRGB."""
    data = bytearray(with_tag(encoded(gradient(), "tif"), 34675, b"\0\0"))
    entry = data.rindex(struct.pack("<HHI", 34675, 3, 1))
    struct.pack_into("<HHI", data, entry, 34675, 7, (1 << 22) + 1)
    with pytest.raises(InputError, match=r"a\.tif: its colour profile is larger than 4194304 bytes; convert it"):
        read(written(tmp_path / "a.tif", bytes(data)))
    struct.pack_into("<HHI", data, entry, 34675, 7, 1 << 22)
    with pytest.raises(InputError, match="cut off"):
        read(written(tmp_path / "a.tif", bytes(data)))


def test_a_huge_picture_is_not_even_begun(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    with pytest.raises(InputError, match="undecodable"):
        read(written(tmp_path / "a.png", data))


@pytest.mark.parametrize(("name", "head"), [(b"zTXt", b"Comment\0\0"), (b"iTXt", b"Comment\0\1\0\0\0")])
def test_what_is_beside_the_pixels_is_not_inflated(tmp_path: Path, name: bytes, head: bytes) -> None:
    bomb = head + zlib.compress(bytes(1 << 25), 9)
    path = written(tmp_path / "a.png", with_chunks(encoded(gradient()), {name: bomb, b"tRNS": bytes(6)}))
    assert [name for name, _ in chunks(drawn_png(path.read_bytes()))] == [b"IHDR", b"tRNS", b"IDAT", b"IEND"]
    assert (codes(read(path)) == gradient()).all()


def test_a_profile_that_inflates_without_end_is_refused_early(tmp_path: Path) -> None:
    bomb = b"bomb\0\0" + zlib.compress(bytes(1 << 28), 9)
    with pytest.raises(InputError, match="no signature"):
        read(written(tmp_path / "a.png", with_chunks(encoded(gradient()), {b"iCCP": bomb})))


def test_animations_and_clips_are_no_stills(tmp_path: Path) -> None:
    animated = with_chunks(encoded(gradient()), {b"acTL": bytes(8)})
    assert not is_still(str(written(tmp_path / "a.png", animated)))
    assert not is_still(str(written(tmp_path / "a.mjpeg", encoded(gradient(), "jpg"))))
    assert not is_still(str(tmp_path)) and not is_still("-") and not is_still("http://example.org/a.png")
    extended = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\2" + bytes(9)
    assert not is_still(str(written(tmp_path / "a.webp", extended)))


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp", "bmp"])
def test_no_damage_does_more_than_refuse(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(7)
    data = (
        with_orientation(encoded(gradient(), kind), kind, 6)
        if kind in ("png", "jpg", "tif")
        else encoded(gradient(), kind)
    )
    path = tmp_path / f"a.{kind}"
    for _ in range(60):
        harmed = bytearray(data)
        for place in rng.integers(4, min(len(data), 400), 3):
            harmed[place] = rng.integers(0, 256)
        path.write_bytes(harmed)
        try:
            read(path)
        except InputError as error:
            assert "\n" not in str(error)

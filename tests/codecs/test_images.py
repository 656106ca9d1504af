import struct
import zlib
from pathlib import Path

import pytest
import torch

from tsexpand.codecs.exr import Compression, read_exr_text, write_exr
from tsexpand.codecs.images import read_light, read_light_as_stored, read_radiance, write_png
from tsexpand.errors import InputError, OutputError


def radiance(path: Path, width: int, height: int, pixels: bytes) -> Path:
    """A Radiance file without run lengths, byte for byte as the format says (R, G, B mantissas, exponent)."""
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + f"-Y {height} +X {width}\n".encode()
    path.write_bytes(header + pixels)
    return path


def test_radiance_has_the_light_that_its_bytes_say(tmp_path: Path) -> None:
    pixels = bytes([128, 64, 32, 129, 128, 128, 128, 136] * 2)  # mantissa / 256 · 2^(exponent − 128)
    light = read_radiance(radiance(tmp_path / "two.hdr", 2, 2, pixels))
    assert light.shape == (3, 2, 2)
    assert light[:, 0, 0].tolist() == [1.0, 0.5, 0.25]
    assert light[:, 1, 1].tolist() == [128.0, 128.0, 128.0]


@pytest.mark.parametrize("content", [b"", b"#?RADIANCE\n\n-Y 4 +X 4\n", b"not a picture at all"])
def test_a_broken_radiance_file_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.hdr").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.hdr: not a readable Radiance"):
        read_radiance(tmp_path / "bad.hdr")


def test_light_is_read_by_the_name_of_the_file(tmp_path: Path) -> None:
    write_exr(tmp_path / "a.exr", torch.full((3, 4, 4), 2.0).half(), {}, Compression.ZIP)
    assert read_light(tmp_path / "a.exr").tolist() == torch.full((3, 4, 4), 2.0).tolist()
    with pytest.raises(InputError, match=r"neither \.exr nor \.hdr"):
        read_light(tmp_path / "a.png")


def test_a_png_holds_the_pixels_it_was_given(tmp_path: Path) -> None:
    picture = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    write_png(tmp_path / "a.png", picture)
    assert torch.equal(decoded_png((tmp_path / "a.png").read_bytes()), picture)


def decoded_png(data: bytes) -> torch.Tensor:
    """A PNG reader of the specification's few lines: 8-bit RGB, all five filters."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 2)
        parts += body if kind == b"IDAT" else b""
        at += 12 + length
    raw, rows, above = zlib.decompress(parts), [], [0] * (3 * width)
    for y in range(height):
        line = raw[y * (3 * width + 1) : (y + 1) * (3 * width + 1)]
        row: list[int] = []
        for i, value in enumerate(line[1:]):
            left, up = (row[i - 3] if i >= 3 else 0), above[i]
            corner = above[i - 3] if i >= 3 else 0
            row.append((value + predicted(line[0], left, up, corner)) % 256)
        rows.append(row)
        above = row
    return torch.tensor(rows, dtype=torch.uint8).view(height, width, 3).permute(2, 0, 1)


def predicted(kind: int, left: int, up: int, corner: int) -> int:
    paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
    return (0, left, up, (left + up) // 2, paeth)[kind]


def test_a_png_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="missing"):
        write_png(tmp_path / "missing" / "a.png", torch.zeros(3, 4, 4, dtype=torch.uint8))


def test_light_as_stored_keeps_what_is_not_finite(tmp_path: Path) -> None:
    light = torch.tensor([float("nan"), float("inf"), -1.0]).expand(3, 1, 3).half()
    write_exr(tmp_path / "a.exr", light, {"note": "hello"}, Compression.ZIP)
    assert str(read_light_as_stored(tmp_path / "a.exr")[0, 0].tolist()) == "[nan, inf, -1.0]"
    assert read_light(tmp_path / "a.exr")[0, 0].tolist() == [0.0, 65504.0, -1.0]
    assert [read_exr_text(tmp_path / "a.exr", name) for name in ("note", "none", "channels")] == ["hello", None, None]
    (tmp_path / "a.exr").write_bytes(b"")
    with pytest.raises(InputError, match="not a readable EXR"):
        read_exr_text(tmp_path / "a.exr", "note")

from fractions import Fraction
from pathlib import Path

import OpenEXR
import pytest
import torch

from tsexpand.codecs.exr import Compression, exr_attributes, finite_half, read_exr, write_exr
from tsexpand.errors import InputError, OutputError


def picture() -> torch.Tensor:
    return torch.rand(3, 17, 23, generator=torch.Generator().manual_seed(1)).mul(4).half()


@pytest.mark.parametrize("compression", [c for c in Compression if c is not Compression.DWAA])
def test_lossless_pictures_come_back_exactly(tmp_path: Path, compression: Compression) -> None:
    path = tmp_path / "a.exr"
    write_exr(path, picture(), {}, compression)
    assert torch.equal(read_exr(path), picture().float())


def test_a_picture_that_is_not_contiguous_is_written_right(tmp_path: Path) -> None:
    flipped = picture().flip(-1).transpose(1, 2)
    write_exr(tmp_path / "a.exr", flipped, {}, Compression.PIZ)
    assert torch.equal(read_exr(tmp_path / "a.exr"), flipped.float())


def test_dwaa_is_close(tmp_path: Path) -> None:
    smooth = torch.linspace(0.1, 2, 64).expand(3, 48, 64).half().contiguous()
    write_exr(tmp_path / "a.exr", smooth, {}, Compression.DWAA)
    assert torch.allclose(read_exr(tmp_path / "a.exr"), smooth.float(), rtol=0.05)


def test_not_finite_light_becomes_finite() -> None:
    light = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e6, -0.25, 0.0])
    assert finite_half(light).tolist() == [0.0, 65504.0, -65504.0, 65504.0, -0.25, 0.0]


def test_attributes_say_what_the_light_is(tmp_path: Path) -> None:
    attributes = exr_attributes(
        Fraction(30000, 1001), Fraction(4, 3), 203.0, Fraction(3661), {"tsexpand:pts": "109830"}
    )
    write_exr(tmp_path / "a.exr", picture(), attributes, Compression.ZIP)
    header = OpenEXR.File(str(tmp_path / "a.exr"), header_only=True).header()
    assert header["chromaticities"] == pytest.approx((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))
    assert header["whiteLuminance"] == pytest.approx(203.0)
    assert header["pixelAspectRatio"] == pytest.approx(4 / 3)
    assert header["framesPerSecond"] == Fraction(30000, 1001)
    assert header["tsexpand:pts"] == "109830"
    code = header["timeCode"]
    assert (code.hours, code.minutes, code.seconds, code.frame) == (1, 0, 57, 10)  # 109720 frames counted at 30


@pytest.mark.parametrize(
    ("start", "frame", "expected"),
    [
        ("10:00:00:00", 0, (10, 0, 0, 0, 0)),
        ("10:00:00:00", 31, (10, 0, 1, 1, 0)),
        ("01:00:59;29", 1, (1, 1, 0, 2, 1)),
        ("nonsense", 31, (0, 0, 1, 1, 0)),
        (None, 31, (0, 0, 1, 1, 0)),
    ],
)
def test_the_time_code_goes_on_from_the_source(
    tmp_path: Path, start: str | None, frame: int, expected: tuple[int, ...]
) -> None:
    rate = Fraction(30000, 1001)
    attributes = exr_attributes(rate, Fraction(1), 203.0, frame / rate, {}, start)
    write_exr(tmp_path / "a.exr", picture(), attributes, Compression.ZIP)
    code = OpenEXR.File(str(tmp_path / "a.exr"), header_only=True).header()["timeCode"]
    assert (code.hours, code.minutes, code.seconds, code.frame, code.dropFrame) == expected


@pytest.mark.parametrize("rate", [None, Fraction(50), Fraction(1000)])
def test_without_a_rate_that_it_can_count_there_is_no_time_code(rate: Fraction | None) -> None:
    assert "timeCode" not in exr_attributes(rate, Fraction(1), 203.0, Fraction(0), {})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an EXR file"),
        (b"not a picture", "not an EXR file"),
        (b"\x76\x2f\x31\x01\x02\x00\x00\x00", "not a readable EXR picture"),
    ],
)
def test_what_is_not_a_picture_is_an_input_error(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.exr"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"bad\.exr: {reason}"):
        read_exr(path)


def test_a_missing_folder_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        write_exr(tmp_path / "missing" / "a.exr", picture(), {}, Compression.ZIP)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_output_error(tmp_path: Path) -> None:
    path = tmp_path / "full.exr"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="disk full"):
        write_exr(path, torch.rand(3, 256, 256).half(), {}, Compression.NONE)

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.codecs.input_clips import grey_ramp, png, write_clip
from tests.conversions import IDENTITY, options
from tests.evaluation.light import WHITE, moving_light, write_sequence
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.images import write_png
from tsexpand.colour.codes import Primaries
from tsexpand.colour.primaries import CHROMATICITIES, convert
from tsexpand.colour.ycbcr import Planes
from tsexpand.convert import convert as convert_clip
from tsexpand.errors import InputError
from tsexpand.evaluation.sources import list_pictures, open_light, paired


def read(name: Path, limit: int | None = None) -> torch.Tensor:
    with open_light(str(name), limit) as clip:
        frames = list(clip.frames)
        assert clip.count in (None, len(frames))
    return torch.cat(frames)


def notices(name: Path) -> tuple[str, ...]:
    with open_light(str(name)) as clip:
        return clip.notices


def test_exr_light_is_that_of_its_header(tmp_path: Path) -> None:
    light = moving_light(2)
    assert torch.allclose(read(write_sequence(tmp_path / "a", light)), light.float() * WHITE)
    assert torch.allclose(read(write_sequence(tmp_path / "b", light, whiteLuminance=100.0)), light.float() * 100)
    assert notices(tmp_path / "a") == ()


def test_exr_of_unknown_scale_is_said_to_be(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "a", moving_light(1))
    import OpenEXR

    planes = {c: np.full((16, 16), 0.5, np.float32) for c in "RGB"}
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, planes).write(
        str(folder / "clip.1.exr")
    )
    assert read(folder).unique().tolist() == [pytest.approx(0.5 * WHITE)]
    assert "1.0 is taken for reference white, 203 cd/m²" in notices(folder)[0]


def test_exr_primaries_are_converted(tmp_path: Path) -> None:
    space, light = CHROMATICITIES[Primaries.BT2020], moving_light(1)
    stated = (*space.red, *space.green, *space.blue, *space.white)
    folder = write_sequence(tmp_path / "a", light, chromaticities=stated)
    expected = convert(light.float() * WHITE, Primaries.BT2020, Primaries.BT709)
    assert torch.allclose(read(folder), expected, atol=1e-3)
    odd = write_sequence(tmp_path / "b", light, chromaticities=(0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3))
    with pytest.raises(InputError, match=r"clip\.1\.exr: its chromaticities are of no RGB space"):
        read(odd)


def test_nan_is_an_error_that_names_the_picture(tmp_path: Path) -> None:
    import OpenEXR

    folder = write_sequence(tmp_path / "a", moving_light(2))
    plane = np.full((32, 48), 0.5, np.float32)
    plane[3, 4] = np.nan
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, dict.fromkeys("RGB", plane)).write(str(folder / "clip.2.exr"))
    with pytest.raises(InputError, match=r"clip\.2\.exr: 3 of 4608 values are NaN"):
        read(folder)


def test_pictures_are_in_natural_order(tmp_path: Path) -> None:
    for name in ("f10.exr", "f9.exr", "F100.EXR", "f1.exr", "f1.png"):
        (tmp_path / name).touch()
    assert [p.name for p in list_pictures(tmp_path)] == ["F100.EXR", "f1.exr", "f9.exr", "f10.exr"]


def test_folders_that_say_nothing_clear_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.exr or \.hdr picture"):
        list_pictures(tmp_path)
    (tmp_path / "a.exr").touch()
    (tmp_path / "a.hdr").touch()
    with pytest.raises(InputError, match="holds both"):
        list_pictures(tmp_path)


def test_radiance_pictures(tmp_path: Path) -> None:
    pixel = bytes([128, 64, 32, 129])  # 1, 0.5, 0.25: not run-length coded
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 2\n"
    (tmp_path / "1.hdr").write_bytes(header + pixel * 4)
    light = read(tmp_path)
    assert light[0, :, 0, 0].tolist() == pytest.approx([WHITE, WHITE / 2, WHITE / 4], rel=0.01)
    assert "1.0 is taken for reference white" in notices(tmp_path)[0]


def test_sdr_clip_is_shown_by_bt1886(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_clip(path, grey_ramp(3), tags={"colorspace": 1, "color_trc": 1, "color_primaries": 1, "color_range": 1})
    expected = [((4 * i) / 219) ** 2.4 * WHITE for i in range(3)]
    assert read(path).mean(dim=(1, 2, 3)).tolist() == pytest.approx(expected, rel=1e-5)
    assert len(read(path, 2)) == 2


def test_png_is_shown_by_srgb(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", torch.full((3, 16, 16), 128, dtype=torch.uint8))
    assert read(tmp_path / "a.png").unique().tolist() == [pytest.approx(0.21586 * WHITE, rel=1e-4)]


def flat(codes: tuple[int, int, int], dtype: torch.dtype) -> Planes:
    """A 4:2:0 picture of one colour, of which nothing is lost with the chroma."""
    return tuple(torch.full(s, c, dtype=dtype) for s, c in zip(((48, 64), (24, 32), (24, 32)), codes, strict=True))


def sdr_clip(path: Path) -> Path:
    """Grey, then a muted red."""
    pictures = [flat(codes, torch.uint8) for codes in ((120, 128, 128), (150, 110, 150))]
    write_clip(path, pictures, tags={"colorspace": 1, "color_trc": 1, "color_primaries": 1, "color_range": 1})
    return path


def test_hdr10_is_decoded_to_the_light_that_went_in(tmp_path: Path) -> None:
    clip = sdr_clip(tmp_path / "a.mkv")
    convert_clip(options(clip, tmp_path / "a.mp4"), IDENTITY)
    light, shown = read(clip), read(tmp_path / "a.mp4")
    assert light.shape == shown.shape
    assert torch.allclose(light, shown, rtol=0.03, atol=0.3)  # 10-bit PQ steps are about 1 %


def test_converting_hdr_is_refused_still(tmp_path: Path) -> None:
    clip = sdr_clip(tmp_path / "a.mkv")
    convert_clip(options(clip, tmp_path / "a.mp4"), IDENTITY)
    with pytest.raises(InputError, match="already HDR"):
        VideoSource(str(tmp_path / "a.mp4"))


def test_hlg_is_decoded_at_1000(tmp_path: Path) -> None:
    """Reference white of HLG, signal 0.75, is 203 cd/m² (BT.2408)."""
    picture = flat((64 + round(0.75 * 876), 512, 512), torch.uint16)
    tags = {"colorspace": 9, "color_trc": 18, "color_primaries": 9, "color_range": 1}
    write_clip(tmp_path / "a.mkv", [picture] * 2, "yuv420p10le", tags=tags)
    assert read(tmp_path / "a.mkv").mean().item() == pytest.approx(203, abs=1)


@pytest.mark.parametrize("name", ["missing.mp4", "missing.exr", "-"])
def test_what_is_not_there_is_an_input_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read(tmp_path / name if name != "-" else Path(name))


def pair(*names: Path) -> int:
    with open_light(str(names[0])) as one, open_light(str(names[1])) as other:
        return len(list(paired([one, other])))


def test_numbers_of_frames_must_agree(tmp_path: Path) -> None:
    long, short = (
        write_sequence(tmp_path / "long", moving_light(3)),
        write_sequence(tmp_path / "short", moving_light(2)),
    )
    with pytest.raises(InputError, match=r"long has 3 frames, .*short 2"):
        pair(long, short)
    clip = tmp_path / "a.mkv"
    write_clip(clip, grey_ramp(2, 48, 32))
    with pytest.raises(InputError, match=r"a\.mkv has 2 frames, .*long more"):
        pair(long, clip)
    assert pair(short, clip) == 2


def test_sizes_must_agree(tmp_path: Path) -> None:
    write_sequence(tmp_path / "a", moving_light(1))
    write_sequence(tmp_path / "b", moving_light(1, width=64))
    with pytest.raises(InputError, match=r"a has pictures of 48×32, .*b 64×32"):
        pair(tmp_path / "a", tmp_path / "b")


def test_a_grey_png_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    assert read(tmp_path / "a.png").shape == (1, 3, 8, 8)

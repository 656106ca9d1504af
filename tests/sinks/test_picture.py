"""One picture as a file, looked at by other programs too."""

import json
import shutil
import struct
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from tests.sinks.batches import light_batch, video_info
from tsexpand.codecs.companions import Companions
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.exr import Compression, read_exr, read_exr_colour
from tsexpand.codecs.images import read_radiance
from tsexpand.codecs.stills.png import chunks
from tsexpand.colour.codes import Primaries
from tsexpand.colour.signal import HLG10
from tsexpand.errors import OutputError
from tsexpand.evaluation.sources import open_light
from tsexpand.frames import LightBatch, VideoInfo
from tsexpand.sinks.delivery import DeliveryOptions, make_sink

OPTIONS = DeliveryOptions(EncoderOptions(), Compression.ZIP, 203.0, 1000.0, overwrite=False)
FORMATS = ["exr", "hdr", "png", "avif"]
TURNED = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)  # a quarter to the right


def still(batch: LightBatch, **changes: Any) -> VideoInfo:
    height, width = batch.light.shape[-2:]
    return video_info(width=width, height=height, is_still=True, frame_rate=None, frame_count_from_header=1, **changes)


def deliver(path: Path, batch: LightBatch, options: DeliveryOptions = OPTIONS, **changes: Any) -> Any:
    with make_sink([path], still(batch, **changes), Companions(), options) as sink:
        sink.write(sink.prepare(batch))
        sink.finish()
        sink.commit()
    return sink


def colours(width: int = 40, height: int = 24) -> LightBatch:
    """Smooth light of BT.709 from 1 to 800 cd/m²."""
    x, y = torch.linspace(0, 1, width), torch.linspace(0, 1, height)[:, None]
    red, green, blue = (800 ** (a * x + b * y) for a, b in ((0.7, 0.3), (0.5, 0.5), (0.2, 0.7)))
    return light_batch(torch.stack([red, green, blue]), [0])


def look(path: Path) -> torch.Tensor:
    """(3, H, W) in cd/m², BT.709, as `evaluate` sees it."""
    with open_light(str(path)) as clip:
        (frame,) = clip.frames
    return frame[0]


@pytest.mark.parametrize(("form", "tolerance"), [("exr", 0.001), ("hdr", 0.03), ("png", 0.001), ("avif", 0.1)])
def test_the_light_is_that_of_the_batch(tmp_path: Path, form: str, tolerance: float) -> None:
    batch = colours()
    deliver(tmp_path / f"a.{form}", batch)
    off = (look(tmp_path / f"a.{form}") / batch.light[0] - 1).abs()
    assert float(off.quantile(0.99)) < tolerance and float(off.mean()) < tolerance / 2
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{form}"]


@pytest.mark.parametrize("form", FORMATS)
def test_it_is_turned_upright(tmp_path: Path, form: str) -> None:
    light = torch.full((3, 16, 48), 20.0)
    light[:, :8, :24] = 500.0  # top left, which comes to the top right
    deliver(tmp_path / f"a.{form}", light_batch(light, [0]), display_matrix=TURNED)
    seen = look(tmp_path / f"a.{form}")
    assert seen.shape == (3, 48, 16)
    assert float(seen[:, 4:20, 11:].min()) > 400 and float(seen[:, 4:20, :5].max()) < 25
    assert float(seen[:, 30:].max()) < 25


@pytest.mark.parametrize("form", ["exr", "hdr", "png"])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (7, 33)])
def test_any_size(tmp_path: Path, form: str, width: int, height: int) -> None:
    light = torch.full((1, 3, height, width), 203.0)
    deliver(tmp_path / f"a.{form}", replace(light_batch(0.0, [0]), light=light))
    assert look(tmp_path / f"a.{form}").flatten().tolist() == pytest.approx([203.0] * 3 * width * height, rel=0.005)


def test_avif_of_sizes_that_its_encoder_takes(tmp_path: Path) -> None:
    deliver(tmp_path / "a.avif", light_batch(torch.full((3, 5, 7), 203.0), [0]))
    assert look(tmp_path / "a.avif").shape == (3, 5, 7)
    with pytest.raises(OutputError, match="3×2 is not a size that AVIF is written in"):
        deliver(tmp_path / "b.avif", light_batch(torch.full((3, 2, 3), 203.0), [0]))
    assert not list(tmp_path.glob("b.*"))


def test_exr_says_what_its_light_is(tmp_path: Path) -> None:
    deliver(tmp_path / "a.exr", light_batch(torch.full((3, 4, 4), 406.0), [0]))
    assert read_exr(tmp_path / "a.exr").unique().tolist() == [2.0]
    white, space = read_exr_colour(tmp_path / "a.exr")
    assert white == 203.0 and space is not None and space.red == pytest.approx((0.64, 0.33))


def test_radiance_says_its_primaries_and_clips_to_them(tmp_path: Path) -> None:
    green = light_batch(torch.tensor([0.0, 203.0, 0.0]), [0], Primaries.BT2020)
    sink = deliver(tmp_path / "a.hdr", green)
    assert "were clipped" in sink.notices[0]
    head = (tmp_path / "a.hdr").read_bytes().split(b"\n\n")[0].decode()
    assert head.startswith("#?RADIANCE\n") and "EXPOSURE" not in head
    assert "\nPRIMARIES=0.64 0.33 0.3 0.6 0.15 0.06 0.3127 0.329\nFORMAT=32-bit_rle_rgbe" in head
    assert read_radiance(tmp_path / "a.hdr")[1].min() > 1.1  # 1.13 of BT.709's green, less red and blue
    assert deliver(tmp_path / "b.hdr", colours()).notices == ()


def test_png_says_that_it_is_hdr(tmp_path: Path) -> None:
    light = torch.full((3, 10, 10), 203.0)
    light[:, 0, 0] = 900.0
    sink = deliver(tmp_path / "a.png", light_batch(light, [0]))
    found = dict(chunks((tmp_path / "a.png").read_bytes()))
    names = [name for name, _ in chunks((tmp_path / "a.png").read_bytes())]
    assert list(dict.fromkeys(names)) == [b"IHDR", b"cICP", b"mDCV", b"cLLI", b"IDAT", b"IEND"]
    assert found[b"cICP"] == bytes([9, 16, 0, 1])
    p3 = (34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450)
    assert struct.unpack(">8H2I", found[b"mDCV"]) == (*p3, 10_000_000, 1)
    assert sink.content_light is not None
    levels = (sink.content_light.max_cll, sink.content_light.max_fall)
    assert levels == (900, 210)  # (99 · 203 + 900) / 100, rounded up
    assert struct.unpack(">2I", found[b"cLLI"]) == (9_000_000, 2_100_000)
    assert found[b"IHDR"] == struct.pack(">2I5B", 10, 10, 16, 2, 0, 0, 0)


def test_png_holds_pq_of_bt2020(tmp_path: Path) -> None:
    colour = pytest.importorskip("colour")
    deliver(tmp_path / "a.png", light_batch(torch.tensor([203.0, 100.0, 50.0]), [0]))
    with av.open(str(tmp_path / "a.png")) as container:
        codes = next(container.decode(video=0)).to_ndarray(format="rgb48le").reshape(-1, 3)
    spaces = [colour.RGB_COLOURSPACES[name] for name in ("ITU-R BT.709", "ITU-R BT.2020")]
    wide = colour.matrix_RGB_to_RGB(*spaces, None) @ [203.0, 100.0, 50.0]
    assert np.abs(codes - colour.models.eotf_inverse_ST2084(wide) * 65535).max() < 15  # a quarter of a code of 10 bit


def test_hlg_is_said_by_its_code_point(tmp_path: Path) -> None:
    deliver(tmp_path / "a.png", colours(), replace(OPTIONS, signal=HLG10))
    found = dict(chunks((tmp_path / "a.png").read_bytes()))
    assert found[b"cICP"] == bytes([9, 18, 0, 1]) and b"cLLI" not in found
    deliver(tmp_path / "a.avif", colours(), replace(OPTIONS, signal=HLG10))
    assert (look(tmp_path / "a.avif") / colours().light[0] - 1).abs().median() < 0.05


def test_avif_says_that_it_is_hdr(tmp_path: Path) -> None:
    light = torch.full((3, 32, 48), 203.0)
    light[:, :8, :8] = 900.0
    deliver(tmp_path / "a.avif", light_batch(light, [0]))
    data = (tmp_path / "a.avif").read_bytes()
    assert data[4:12] == b"ftypavif"
    assert b"colrnclx" + struct.pack(">3HB", 9, 16, 9, 0) in data
    with av.open(str(tmp_path / "a.avif")) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (9, 16, 9)
        frame = next(container.decode(video=0))
        assert frame.format.name == "yuv420p10le"
        assert struct.unpack("=2I", bytes(frame.side_data["CONTENT_LIGHT_LEVEL"])[:8]) == (900, 233)
        assert "MASTERING_DISPLAY_METADATA" in frame.side_data


def test_avifdec_agrees(tmp_path: Path) -> None:
    if shutil.which("avifdec") is None:
        pytest.skip("needs avifdec")
    deliver(tmp_path / "a.avif", colours(41, 23))
    told = subprocess.check_output(["avifdec", "--info", tmp_path / "a.avif"], text=True)
    facts = dict(line.strip(" *").split(":", 1) for line in told.splitlines() if ":" in line)
    found = {key.strip(): value.strip() for key, value in facts.items()}
    assert found["Resolution"] == "41x23" and found["Bit Depth"] == "10" and found["Range"] == "Limited"
    assert (found["Color Primaries"], found["Transfer Char."], found["Matrix Coeffs."]) == ("9", "16", "9")


@pytest.mark.parametrize("form", ["png", "avif"])
def test_exiftool_agrees(tmp_path: Path, form: str) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool")
    deliver(tmp_path / f"a.{form}", colours())
    (told,) = json.loads(subprocess.check_output(["exiftool", "-json", "-n", tmp_path / f"a.{form}"]))
    assert (told["ColorPrimaries"], told["TransferCharacteristics"]) == (9, 16)
    assert told["ImageSize"] == "40 24" and "Warning" not in told


@pytest.mark.parametrize("form", FORMATS)
def test_an_output_is_whole_or_not_there(tmp_path: Path, form: str) -> None:
    path, batch = tmp_path / f"a.{form}", colours()
    with pytest.raises(RuntimeError), make_sink([path], still(batch), Companions(), OPTIONS) as sink:
        sink.write(sink.prepare(batch))
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="--overwrite"):
        deliver(path, batch)
    assert path.read_bytes() == b"mine"
    deliver(path, batch, replace(OPTIONS, overwrite=True))
    assert path.read_bytes() != b"mine"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_told(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / f"full.{form}"
    full.symlink_to("/dev/full")
    monkeypatch.setattr("tsexpand.sinks.picture.reserve_part", lambda output, make: full)
    with pytest.raises(OutputError, match="disk full"):
        deliver(tmp_path / f"a.{form}", colours(200, 200))


def test_a_second_picture_is_refused(tmp_path: Path) -> None:
    batch = light_batch(10.0, [0, 1])
    with make_sink([tmp_path / "a.png"], video_info(), Companions(), OPTIONS) as sink:
        sink.write(sink.prepare(light_batch(10.0, [0])))
        with pytest.raises(OutputError, match="holds one picture, and there are more"):
            sink.prepare(batch)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "-"])
def test_a_picture_is_no_video(tmp_path: Path, name: str) -> None:
    path = Path(name) if name == "-" else tmp_path / name
    with pytest.raises(OutputError, match=r"a picture is no video; name it .* or give --frame-rate"):
        make_sink([path], still(colours()), Companions(), OPTIONS)


def test_pixels_that_are_not_square_are_said_where_that_can_be(tmp_path: Path) -> None:
    deliver(tmp_path / "a.hdr", colours(), sample_aspect_ratio=Fraction(4, 3))
    assert b"\nPIXASPECT=0.75\n" in (tmp_path / "a.hdr").read_bytes()


@pytest.mark.parametrize("form", ["png", "avif"])
def test_pixels_that_are_no_squares_are_told_of_where_they_are_not_said(tmp_path: Path, form: str) -> None:
    wide = deliver(tmp_path / f"a.{form}", colours(64, 64), sample_aspect_ratio=Fraction(16, 11))
    assert wide.notices == ("that pixels are 16:11 is not kept: they are shown as squares; .exr and .hdr keep it",)
    turned = deliver(
        tmp_path / f"b.{form}", colours(64, 64), sample_aspect_ratio=Fraction(16, 11), display_matrix=TURNED
    )
    assert "pixels are 11:16" in turned.notices[0]
    assert deliver(tmp_path / f"c.{form}", colours(64, 64)).notices == ()


@pytest.mark.parametrize("form", ["exr", "hdr"])
def test_where_they_are_said_nothing_is_told(tmp_path: Path, form: str) -> None:
    assert deliver(tmp_path / f"a.{form}", colours(), sample_aspect_ratio=Fraction(16, 11)).notices == ()

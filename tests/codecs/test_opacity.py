"""Opacity of pictures: from each kind of source, exactly, and into channel A."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
import torch
from torch import Tensor

from tests.codecs.written import ffprobe, witness
from tests.conversions import IDENTITY, exr_light, options
from tests.sinks.batches import light_batch, video_info
from tests.sinks.test_exr import sink
from tests.sinks.test_picture import OPTIONS, TURNED
from tsexpand.codecs.companions import Companions
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.source_options import AS_HDR, SourceOptions
from tsexpand.convert import convert
from tsexpand.sinks.delivery import make_sink

SIZE = (64, 48)
FRAMES = 6


def opacity(number: int, peak: int) -> np.ndarray:
    """A ramp from none to all, which moves."""
    columns = np.linspace(0, peak, SIZE[0]).round()
    return np.tile(np.roll(columns, 5 * number), (SIZE[1], 1))


def picture(pixel_format: str, number: int) -> av.VideoFrame:
    """Grey of 3/4, with `opacity` as its last component."""
    frame = av.VideoFrame(*SIZE, pixel_format)
    bits = frame.format.components[0].bits
    dtype = np.uint8 if bits == 8 else np.uint16
    planar = frame.format.is_planar and len(frame.planes) > 1
    step = 1 if planar else len(frame.format.components)
    for i, plane in enumerate(frame.planes):
        words = np.frombuffer(plane, dtype).reshape(plane.height, -1)
        words[:] = (1 << bits) * (2 if 0 < i < 3 and "yuv" in pixel_format else 3) // 4
        if i == len(frame.planes) - 1 and any(c.is_alpha for c in frame.format.components):
            words[:, step - 1 : step * SIZE[0] : step] = opacity(number, (1 << bits) - 1)
    return frame


def write(path: Path, codec: str, pixel_format: str, **encoder: str) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=encoder)
        stream.width, stream.height, stream.pix_fmt = *SIZE, pixel_format
        if path.suffix == ".webm":
            stream.metadata["alpha_mode"] = "1"
        for i in range(FRAMES):
            frame = picture(pixel_format, i)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def read(path: Path, start: Fraction | None = None) -> Tensor:
    with VideoSource(str(path), SourceOptions(start=start)) as source:
        assert source.info.has_alpha
        alphas = [batch.alpha for batch in source.batches(2)]
    assert all(alpha is not None and alpha.dtype is torch.float32 for alpha in alphas)
    return torch.cat([alpha for alpha in alphas if alpha is not None])


def expected(bits: int) -> Tensor:
    peak = (1 << bits) - 1
    return torch.stack([torch.from_numpy(opacity(i, peak) / peak).float() for i in range(FRAMES)])


EXACT = [
    ("clip.mkv", "ffv1", "yuva420p", 8),
    ("clip.mkv", "ffv1", "yuva444p12le", 12),
    ("clip.mkv", "ffv1", "bgra", 8),
    ("clip.mkv", "ffv1", "gbrap12le", 12),
    ("clip.mkv", "ffv1", "ya8", 8),
    ("clip.mov", "png", "rgba", 8),
]


@pytest.mark.parametrize(("name", "codec", "pixel_format", "bits"), EXACT)
def test_lossless_sources(tmp_path: Path, name: str, codec: str, pixel_format: str, bits: int) -> None:
    write(tmp_path / name, codec, pixel_format)
    torch.testing.assert_close(read(tmp_path / name), expected(bits), rtol=0, atol=1e-7)


def test_prores_4444_keeps_its_alpha_without_loss(tmp_path: Path) -> None:
    write(tmp_path / "clip.mov", "prores_ks", "yuva444p10le", profile="4444", alpha_bits="16")
    torch.testing.assert_close(read(tmp_path / "clip.mov"), expected(10), rtol=0, atol=1 / 1023)


def test_vp9_is_read_by_the_decoder_that_sees_it(tmp_path: Path) -> None:
    write(tmp_path / "clip.webm", "libvpx-vp9", "yuva420p", lossless="1", g="3")
    torch.testing.assert_close(read(tmp_path / "clip.webm"), expected(8), rtol=0, atol=1e-7)
    later = read(tmp_path / "clip.webm", start=Fraction(4, 25))
    torch.testing.assert_close(later, expected(8)[4:], rtol=0, atol=1e-7)


def test_exr_is_multiplied_by_it(tmp_path: Path) -> None:
    write(tmp_path / "clip.mkv", "ffv1", "yuva420p")
    write(tmp_path / "opaque.mkv", "ffv1", "yuv420p")
    convert(options(tmp_path / "opaque.mkv", tmp_path / "opaque", denoise=False), IDENTITY)
    report = convert(options(tmp_path / "clip.mkv", tmp_path / "exr", denoise=True, smooth=True), IDENTITY)
    assert not any("ransparen" in notice for notice in report.notices)
    path = tmp_path / "exr" / "clip.000003.exr"
    channels = OpenEXR.File(str(path), separate_channels=True).channels()
    assert set(channels) == {"R", "G", "B", "A"}
    alpha = channels["A"].pixels
    assert alpha.dtype == np.float16
    assert alpha.astype(float) == pytest.approx(expected(8)[2].numpy(), abs=5e-4)
    assert "A, 16-bit floating-point" in witness("exrheader", str(path))
    light, grey = exr_light(tmp_path / "exr")[2], exr_light(tmp_path / "opaque")[2, 0, 0, 0]
    assert light == pytest.approx(np.stack([alpha.astype(float) * float(grey)] * 3), abs=2e-3)
    assert light.max() > 0.3


def test_a_rotated_picture_turns_with_its_opacity(tmp_path: Path) -> None:
    quarter = (0, 65536, 0, -65536, 0, 0, 0, 0, 1073741824)
    batch = light_batch(203.0, [0])
    alpha = torch.from_numpy(opacity(0, 1)).float().unsqueeze(0)
    turned = sink(tmp_path / "x", info=video_info(display_matrix=quarter))
    pictures = turned.prepare(replace(batch, alpha=alpha)).pictures
    assert pictures.shape == (1, 4, *SIZE)
    assert torch.equal(pictures[0, 0], pictures[0, 3])
    assert (pictures[0, 3, :, 0].diff() != 0).any() and (pictures[0, 3, 0].diff() == 0).all()


@pytest.mark.parametrize("name", ["out.mp4", "out.mov"])
def test_video_says_that_it_is_lost(tmp_path: Path, name: str) -> None:
    write(tmp_path / "clip.mkv", "ffv1", "yuva420p")
    report = convert(options(tmp_path / "clip.mkv", tmp_path / name), IDENTITY)
    assert "transparency is not kept; EXR and ProRes 4444 keep it" in report.notices


@pytest.mark.parametrize("name", ["out.mov", "out.mkv"])
def test_prores_4444_keeps_it(tmp_path: Path, name: str) -> None:
    write(tmp_path / "clip.mkv", "ffv1", "yuva420p")
    report = convert(options(tmp_path / "clip.mkv", tmp_path / name, encoder=EncoderOptions("prores_4444")), IDENTITY)
    assert not any("ransparen" in notice for notice in report.notices)
    with VideoSource(str(tmp_path / name), AS_HDR) as source:
        (batch,) = source.batches(FRAMES)
        assert source.info.pixel_format.startswith("yuva444p1")
    assert batch.alpha is not None
    torch.testing.assert_close(batch.alpha, expected(8), rtol=0, atol=1 / 1000)
    luma = batch.planes[0].float() / (1 << (batch.signal.bit_depth - 8))
    assert float(luma.std()) < 0.3  # straight: the grey does not know of it
    seen = ffprobe(tmp_path / name)["streams"][0]
    assert (seen["pix_fmt"], seen["color_transfer"]) == ("yuva444p12le", "smpte2084")


def test_prores_4444_of_opaque_pictures_has_no_fourth_plane(tmp_path: Path) -> None:
    write(tmp_path / "clip.mkv", "ffv1", "yuv420p")
    convert(options(tmp_path / "clip.mkv", tmp_path / "out.mov", encoder=EncoderOptions("prores_4444")), IDENTITY)
    with VideoSource(str(tmp_path / "out.mov"), AS_HDR) as source:
        assert not source.info.has_alpha


def test_a_webm_that_says_it_has_opacity_and_has_none(tmp_path: Path) -> None:
    write(tmp_path / "clip.webm", "libvpx-vp9", "yuv420p")
    with VideoSource(str(tmp_path / "clip.webm")) as source:
        assert not source.info.has_alpha
        assert source.info.notices == ("The stream says that it has transparency, and there is none.",)
        assert sum(len(batch) for batch in source.batches(2)) == FRAMES


def test_one_picture_of_a_clip_has_it_in_exr_turned_with_it_and_other_kinds_tell(tmp_path: Path) -> None:
    shown, alpha = torch.full((3, 16, 24), 203.0), torch.zeros(1, 16, 24)
    alpha[:, :4, :6] = 0.5  # top left, which comes to the top right
    batch = replace(light_batch(shown, [0]), alpha=alpha)
    info = video_info(width=24, height=16, has_alpha=True, display_matrix=TURNED)
    for name in ("a.exr", "a.png", "a.hdr", "a.avif"):
        with make_sink([tmp_path / name], info, Companions(), OPTIONS) as sink:
            sink.write(sink.prepare(batch))
            sink.finish()
            sink.commit()
            assert any("transparency is not kept" in notice for notice in sink.notices) == (name != "a.exr")
    channels = OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True).channels()
    expected = np.zeros((24, 16), np.float16)
    expected[:6, -4:] = 0.5
    assert all((channels[c].pixels == expected).all() for c in "ARGB")

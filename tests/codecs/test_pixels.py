import av
import numpy as np
import pytest
import torch

from tests.codecs.input_clips import random_planes
from tsexpand.codecs.pixel_layouts import pixel_layout
from tsexpand.codecs.pixels import frame_from_planes, planes_from_frames

PLANAR = [
    *("yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv410p", "yuv440p", "yuvj420p", "yuvj444p", "gbrp", "gray"),
    *("yuv420p9le", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv422p14le", "yuv420p16le"),
    *("gray10le", "gray12le", "gray16le", "gbrp10le", "gbrp12le", "gbrp16le"),
]
# What swscale converts rightly at even sizes on one thread, from the planar format on the right.
PACKED = {
    **dict.fromkeys(("nv12", "nv21"), "yuv420p"),
    **dict.fromkeys(("nv16", "yuyv422", "yvyu422", "uyvy422"), "yuv422p"),
    **dict.fromkeys(("nv24", "nv42", "vuya", "vuyx", "ayuv", "uyva", "vyu444"), "yuv444p"),
    **dict.fromkeys(("p010le", "p010be", "yuv420p10be"), "yuv420p10le"),
    **dict.fromkeys(("p012le", "p012be"), "yuv420p12le"),
    **dict.fromkeys(("p016le", "p016be", "yuv420p16be"), "yuv420p16le"),
    **dict.fromkeys(("p210le", "p210be", "y210le", "nv20le"), "yuv422p10le"),
    **dict.fromkeys(("p212le", "y212le"), "yuv422p12le"),
    **dict.fromkeys(("p216le", "y216le"), "yuv422p16le"),
    **dict.fromkeys(("p410le", "xv30le", "v30xle"), "yuv444p10le"),
    **dict.fromkeys(("p412le", "xv36le", "xv36be"), "yuv444p12le"),
    **dict.fromkeys(("p416le", "xv48le", "ayuv64le"), "yuv444p16le"),
    **dict.fromkeys(("rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr"), "gbrp"),
    **dict.fromkeys(("x2rgb10le", "x2bgr10le", "gbrp10be"), "gbrp10le"),
    **dict.fromkeys(("rgb48le", "rgb48be", "bgr48le", "rgba64le", "rgba64be", "bgra64le"), "gbrp16le"),
    **dict.fromkeys(("ya8",), "gray"),
    **dict.fromkeys(("ya16le", "ya16be", "gray16be"), "gray16le"),
}


def raw_frame(
    pixel_format: str, width: int, height: int, rows: list[list[list[int]]], word: str = "u1"
) -> av.VideoFrame:
    """A picture from the words of each row of each plane."""
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, lines in zip(frame.planes, rows, strict=True):
        memory = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        memory[...] = 0xA5  # padding must not matter
        for target, words in zip(memory, lines, strict=True):
            line = np.array(words, word).view(np.uint8)
            target[: len(line)] = line
    return frame


def read(frame: av.VideoFrame) -> list[list[list[int]]]:
    return [plane[0].tolist() for plane in planes_from_frames([frame])]


@pytest.mark.parametrize(("width", "height"), [(64, 48), (47, 33), (1, 1)])
@pytest.mark.parametrize("pixel_format", PLANAR)
def test_planes_survive_a_frame(pixel_format: str, width: int, height: int) -> None:
    pictures = [random_planes(pixel_format, width, height, seed) for seed in range(3)]
    stacked = planes_from_frames([frame_from_planes(p, pixel_format) for p in pictures])
    for k, plane in enumerate(stacked):
        assert plane.dtype == pictures[0][k].dtype
        assert torch.equal(plane, torch.stack([p[k] for p in pictures]))


def test_a_frame_holds_what_ffmpeg_expects() -> None:
    red, green, blue = (torch.full((2, 2), value, dtype=torch.uint8) for value in (10, 20, 30))
    assert frame_from_planes((red, green, blue), "gbrp").reformat(format="rgb24").to_ndarray()[0, 0].tolist() == [
        10,
        20,
        30,
    ]


def test_a_plane_of_another_size_is_refused() -> None:
    luma, chroma = torch.zeros(4, 4, dtype=torch.uint8), torch.zeros(4, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="is not 2 lines of 2"):
        frame_from_planes((luma, chroma, chroma), "yuv420p")


def test_planes_are_copies() -> None:
    frame = frame_from_planes(random_planes("gray"), "gray")
    before = planes_from_frames([frame])[0]
    expected = before.clone()
    np.frombuffer(frame.planes[0], np.uint8)[:] = 0
    assert torch.equal(before, expected)


@pytest.mark.parametrize(("pixel_format", "planar"), PACKED.items())
def test_packed_formats_agree_with_swscale(pixel_format: str, planar: str) -> None:
    planes = random_planes(planar)
    packed = frame_from_planes(planes, planar).reformat(format=pixel_format, threads=1)
    for got, expected in zip(planes_from_frames([packed]), planes, strict=True):
        assert torch.equal(got[0], expected)


def test_odd_nv12() -> None:
    frame = raw_frame("nv12", 3, 3, [[[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[10, 20, 11, 21], [12, 22, 13, 23]]])
    assert read(frame) == [[[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[10, 11], [12, 13]], [[20, 21], [22, 23]]]


def test_odd_p010_where_swscale_is_wrong() -> None:
    luma, chroma = [[64 << 6, 940 << 6, 1023 << 6]], [[512 << 6, 513 << 6, 514 << 6, 515 << 6]]
    frame = raw_frame("p010le", 3, 1, [luma, chroma], "<u2")
    assert read(frame) == [[[64, 940, 1023]], [[512, 514]], [[513, 515]]]


def test_odd_yuyv_where_swscale_is_wrong() -> None:
    assert read(raw_frame("yuyv422", 3, 1, [[[1, 10, 2, 20, 3, 11, 4, 21]]])) == [[[1, 2, 3]], [[10, 11]], [[20, 21]]]
    assert read(raw_frame("uyvy422", 3, 1, [[[10, 1, 20, 2, 11, 3, 21, 4]]])) == [[[1, 2, 3]], [[10, 11]], [[20, 21]]]


def test_big_endian() -> None:
    assert read(raw_frame("rgb48be", 1, 1, [[[1, 256, 65535]]], ">u2")) == [[[1]], [[256]], [[65535]]]
    assert read(raw_frame("gray10be", 2, 1, [[[1, 1023]]], ">u2")) == [[[1, 1023]]]


def test_few_bits_reach_white_and_black() -> None:
    frame = raw_frame("rgb565le", 4, 1, [[[0, 0xFFFF, 0xF800, 16 << 11 | 32 << 5 | 16]]], "<u2")
    assert read(frame) == [[[0, 255, 255, 132]], [[0, 255, 0, 130]], [[0, 255, 0, 132]]]
    assert read(raw_frame("rgb444le", 2, 1, [[[0x0FFF, 0x0123]]], "<u2")) == [[[255, 17]], [[255, 34]], [[255, 51]]]


def test_palette() -> None:
    frame = av.VideoFrame(3, 1, "pal8")
    np.frombuffer(frame.planes[0], np.uint8)[:3] = [0, 255, 7]
    np.frombuffer(frame.planes[1], np.uint32)[[0, 255, 7]] = [0xFF010203, 0xFFFFFFFF, 0x00102030]
    assert read(frame) == [[[1, 255, 16]], [[2, 255, 32]], [[3, 255, 48]]]


def test_bitmaps() -> None:
    assert read(raw_frame("monob", 9, 1, [[[0b10100000, 0b10000000]]])) == [[[255, 0, 255, 0, 0, 0, 0, 0, 255]]]
    assert read(raw_frame("monow", 3, 1, [[[0b10100000]]])) == [[[0, 255, 0]]]


@pytest.mark.parametrize("pixel_format", ["gbrpf32le", "grayf16le", "xyz12le", "bayer_rggb8", "gray32le", "vaapi"])
def test_what_is_no_sdr_picture_is_not_read(pixel_format: str) -> None:
    assert pixel_layout(pixel_format) is None


def test_reading_an_unknown_format_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="gbrpf32le"):
        planes_from_frames([av.VideoFrame(2, 2, "gbrpf32le")])


def test_layouts_agree_with_ffmpeg_s_descriptions() -> None:
    for pixel_format in (*PLANAR, *PACKED, "yuva420p", "gbrap12le", "yuva444p10be"):
        layout, described = pixel_layout(pixel_format), av.VideoFormat(pixel_format)
        assert layout is not None
        colours = [c for c in described.components if not c.is_alpha]
        assert len(colours) == len(layout.components)
        assert colours[0].bits == layout.bit_depth
        assert described.is_rgb == layout.is_rgb
        assert layout.has_alpha == any(c.is_alpha for c in described.components)

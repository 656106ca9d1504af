import itertools
from fractions import Fraction
from types import ModuleType

import numpy
import pytest
import torch
from torch import Tensor

from tsexpand.colour.codes import ChromaLocation, ChromaSampling, Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.signal import SignalFormat
from tsexpand.colour.ycbcr import (
    KR_KB,
    dequantise,
    quantise,
    rgb_to_ycbcr,
    subsample_chroma,
    upsample_chroma,
    ycbcr_to_rgb,
)

# White, yellow, cyan, green, magenta, red, blue, black.
BARS = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
WEIGHTS = {
    Matrix.SMPTE170M: (Fraction(299, 1000), Fraction(114, 1000)),
    Matrix.BT709: (Fraction(2126, 10000), Fraction(722, 10000)),
    Matrix.BT2020_NCL: (Fraction(2627, 10000), Fraction(593, 10000)),
}
DEPTHS = [8, 10, 12, 16]
WRITTEN = [ChromaLocation.LEFT, ChromaLocation.CENTER, ChromaLocation.TOP_LEFT, ChromaLocation.TOP]


def coded(matrix: Matrix, signal_range: SignalRange, depth: int) -> SignalFormat:
    return SignalFormat(depth, signal_range, matrix, Transfer.BT709, Primaries.BT709)


def picture_of(colours: list[tuple[int, int, int]]) -> Tensor:
    return torch.tensor(colours, dtype=torch.float32).T.reshape(1, 3, 1, -1)


def exact_codes(rgb: tuple[int, int, int], signal: SignalFormat) -> list[Fraction]:
    """H.273 equations in rational numbers, before rounding."""
    kr, kb = WEIGHTS[signal.matrix]
    red, green, blue = (Fraction(c) for c in rgb)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    unit = 2 ** (signal.bit_depth - 8)
    if signal.signal_range is SignalRange.LIMITED:
        return [unit * (219 * y + 16), unit * (224 * cb + 128), unit * (224 * cr + 128)]
    peak = 2**signal.bit_depth - 1
    return [peak * y, peak * cb + 128 * unit, peak * cr + 128 * unit]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("signal_range", SignalRange)
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colour_bars(matrix: Matrix, signal_range: SignalRange, depth: int) -> None:
    signal = coded(matrix, signal_range, depth)
    codes = quantise(rgb_to_ycbcr(picture_of(BARS), matrix), signal)
    top = 2**depth - 1
    # A code that lies half way may be rounded either way; at 16 bit single precision adds its own error.
    for i, bar in enumerate(BARS):
        for plane, exact in zip(codes, exact_codes(bar, signal), strict=True):
            error = abs(int(plane[0, 0, i]) - min(exact, top))
            assert error <= Fraction(1, 2) + (Fraction(1, 50) if depth == 16 else 0)


def test_colour_bars_of_rec_709_8_bit_by_hand() -> None:
    codes = quantise(rgb_to_ycbcr(picture_of(BARS), Matrix.BT709), coded(Matrix.BT709, SignalRange.LIMITED, 8))
    assert [p.flatten().tolist() for p in codes] == [
        [235, 219, 188, 173, 78, 63, 32, 16],
        [128, 16, 154, 42, 214, 102, 240, 128],
        [128, 138, 16, 26, 230, 240, 118, 128],
    ]


ORACLE_WEIGHTS = {Matrix.SMPTE170M: "ITU-R BT.601", Matrix.BT709: "ITU-R BT.709", Matrix.BT2020_NCL: "ITU-R BT.2020"}


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_codes_and_oracle(oracle: ModuleType, matrix: Matrix, depth: int) -> None:
    colours = torch.rand(1, 3, 1, 200, generator=torch.Generator().manual_seed(0))
    analogue = rgb_to_ycbcr(colours, matrix)
    codes = torch.stack(quantise(analogue, coded(matrix, SignalRange.LIMITED, depth)), dim=-1).reshape(-1, 3)
    expected = oracle.RGB_to_YCbCr(
        colours.reshape(3, -1).T.double().numpy(),
        K=oracle.WEIGHTS_YCBCR[ORACLE_WEIGHTS[matrix]],
        in_legal=False,
        in_bits=depth,
        out_legal=True,
        out_bits=depth,
        out_int=True,
    )
    assert numpy.abs(codes.numpy().astype(int) - expected.astype(int)).max() <= (1 if depth == 12 else 0)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("signal_range", SignalRange)
@pytest.mark.parametrize("matrix", [*KR_KB, Matrix.IDENTITY])
def test_codes_survive_the_way_there_and_back(matrix: Matrix, signal_range: SignalRange, depth: int) -> None:
    signal = coded(matrix, signal_range, depth)
    reserved = 2 ** (depth - 8) if signal_range is SignalRange.LIMITED else 0
    codes = torch.arange(reserved, 2**depth - reserved).to(torch.uint8 if depth == 8 else torch.uint16)
    planes = (codes.reshape(1, 1, -1),) * 3
    back = quantise(dequantise(planes, signal), signal)
    assert all(torch.equal(a, b) for a, b in zip(planes, back, strict=True))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("signal_range", SignalRange)
@pytest.mark.parametrize("matrix", KR_KB)
def test_every_grey_code_is_neutral_and_comes_back(matrix: Matrix, signal_range: SignalRange, depth: int) -> None:
    signal = coded(matrix, signal_range, depth)
    luma = torch.arange(2 ** (depth - 8), 2**depth - 2 ** (depth - 8)).reshape(1, 1, -1)
    grey = tuple(
        p.to(torch.uint16)
        for p in (luma, torch.full_like(luma, 2 ** (depth - 1)), torch.full_like(luma, 2 ** (depth - 1)))
    )
    rgb = ycbcr_to_rgb(dequantise(grey, signal), matrix)
    assert (rgb[:, 0] == rgb[:, 1]).all()
    assert (rgb[:, 0] == rgb[:, 2]).all()
    codes = quantise(rgb_to_ycbcr(rgb, matrix), signal)
    assert all(torch.equal(a.int(), b.int()) for a, b in zip(grey, codes, strict=True))


@pytest.mark.parametrize(("depth", "black", "white"), [(8, 16, 235), (10, 64, 940), (12, 256, 3760), (16, 4096, 60160)])
def test_limited_range_ends(depth: int, black: int, white: int) -> None:
    signal = coded(Matrix.BT709, SignalRange.LIMITED, depth)
    codes = torch.tensor([black, white], dtype=torch.int32).reshape(1, 1, 2)
    assert dequantise((codes,), signal)[0].flatten().tolist() == [0.0, 1.0]


def test_rgb_planes_have_no_chroma() -> None:
    signal = coded(Matrix.IDENTITY, SignalRange.FULL, 8)
    planes = tuple(torch.tensor([[[0, 128, 255]]], dtype=torch.uint8) for _ in range(3))
    rgb = ycbcr_to_rgb(dequantise(planes, signal), Matrix.IDENTITY)
    assert rgb.shape == (1, 3, 1, 3)
    for channel in rgb[0]:
        assert channel.flatten().tolist() == pytest.approx([0, 128 / 255, 1])


def test_grey_pictures_become_three_channels() -> None:
    rgb = ycbcr_to_rgb((torch.rand(2, 3, 4),), Matrix.BT709)
    assert rgb.shape == (2, 3, 3, 4)


@pytest.mark.parametrize("matrix", KR_KB)
def test_matrix_there_and_back(matrix: Matrix) -> None:
    rgb = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ycbcr_to_rgb(rgb_to_ycbcr(rgb, matrix), matrix), rgb, rtol=0, atol=1e-6)


@pytest.mark.parametrize("depth", [8, 10])
def test_limited_codes_stay_off_the_reserved_ones(depth: int) -> None:
    signal = coded(Matrix.BT709, SignalRange.LIMITED, depth)
    (codes,) = quantise((torch.tensor([[[-9.0, 9.0]]]),), signal)
    unit = 2 ** (depth - 8)
    assert codes.flatten().tolist() == [unit, 2**depth - 1 - unit]


def ramps(height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    y = torch.arange(height, dtype=torch.float32).reshape(1, -1, 1)
    x = torch.arange(width, dtype=torch.float32).reshape(1, 1, -1)
    plane = 0.01 * x - 0.007 * y
    return torch.zeros(1, height, width), plane, 0.5 - plane


def inner(planes: tuple[Tensor, ...], margin: int) -> Tensor:
    return torch.stack([p[:, margin:-margin, margin:-margin] for p in planes])


@pytest.mark.parametrize("location", WRITTEN)
@pytest.mark.parametrize("size", [(16, 20), (15, 21), (16, 21)])
def test_a_ramp_survives_subsampling(location: ChromaLocation, size: tuple[int, int]) -> None:
    planes = ramps(*size)
    halved = subsample_chroma(planes, location)
    assert halved[0] is planes[0]
    assert all(p.shape == (1, (size[0] + 1) // 2, (size[1] + 1) // 2) for p in halved[1:])
    back = upsample_chroma(halved, location)
    assert all(p.shape == planes[0].shape for p in back)
    torch.testing.assert_close(inner(back, 4), inner(planes, 4), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("location", "chroma", "halved"),
    [
        (ChromaLocation.TOP_LEFT, [0, 4, 8, 4], [1, 6]),
        (ChromaLocation.TOP_LEFT, [0, 4, 8], [1, 7]),
        (ChromaLocation.TOP_LEFT, [4, 8], [5]),
        (ChromaLocation.CENTER, [0, 4, 8, 4], [2, 6]),
        (ChromaLocation.CENTER, [0, 4, 8], [2, 8]),
    ],
)
def test_edges_are_held(location: ChromaLocation, chroma: list[float], halved: list[float]) -> None:
    rows = torch.tensor(chroma).reshape(1, -1, 1)
    for plane, dim in ((rows, 1), (rows.mT, 2)):
        assert subsample_chroma((plane, plane, plane), location)[1].squeeze(3 - dim).tolist() == [halved]


@pytest.mark.parametrize("size", [(16, 20), (15, 21)])
def test_a_ramp_survives_422(size: tuple[int, int]) -> None:
    planes = ramps(*size)
    halved = subsample_chroma(planes, ChromaLocation.LEFT, ChromaSampling.HALF_WIDTH)
    assert all(p.shape == (1, size[0], (size[1] + 1) // 2) for p in halved[1:])
    back = upsample_chroma(halved, ChromaLocation.LEFT)
    torch.testing.assert_close(back[1][..., 2:-2], planes[1][..., 2:-2], rtol=0, atol=1e-6)
    assert subsample_chroma(planes, ChromaLocation.LEFT, ChromaSampling.FULL) is planes


@pytest.mark.parametrize("location", ChromaLocation)
def test_upsampling_puts_each_sample_where_it_lies(location: ChromaLocation) -> None:
    """Chroma samples taken from a ramp at their H.273 positions give the ramp."""
    down = {"topleft": 0, "top": 0, "left": 0.5, "center": 0.5, "bottomleft": 1, "bottom": 1}[location.value]
    right = 0.0 if location in (ChromaLocation.LEFT, ChromaLocation.TOP_LEFT, ChromaLocation.BOTTOM_LEFT) else 0.5
    y = (2 * torch.arange(8) + down).reshape(1, -1, 1)
    x = (2 * torch.arange(10) + right).reshape(1, 1, -1)
    chroma = 0.01 * x - 0.007 * y
    back = upsample_chroma((torch.zeros(1, 16, 20), chroma, chroma), location)
    torch.testing.assert_close(inner(back[1:2], 2), inner(ramps(16, 20)[1:2], 2), rtol=0, atol=1e-6)


def test_left_sited_422_reproduces_a_ramp_exactly() -> None:
    luma, ramp, _ = ramps(6, 16)
    back = upsample_chroma((luma, ramp[:, :, ::2], ramp[:, :, ::2]), ChromaLocation.LEFT)
    torch.testing.assert_close(back[1][..., :-1], ramp[..., :-1], rtol=0, atol=1e-7)


def test_411_reproduces_a_ramp() -> None:
    luma, ramp, _ = ramps(6, 32)
    back = upsample_chroma((luma, ramp[:, :, ::4], ramp[:, :, ::4]), ChromaLocation.LEFT)
    torch.testing.assert_close(back[1][..., :-3], ramp[..., :-3], rtol=0, atol=1e-6)


@pytest.mark.parametrize("location", ChromaLocation)
@pytest.mark.parametrize("size", list(itertools.product((1, 2, 3, 4, 5), repeat=2)))
def test_any_size_and_flat_chroma_stays_flat(location: ChromaLocation, size: tuple[int, int]) -> None:
    height, width = size
    chroma = torch.full((2, (height + 1) // 2, (width + 1) // 2), 0.25)
    planes = upsample_chroma((torch.zeros(2, height, width), chroma, chroma), location)
    assert all(p.shape == (2, height, width) for p in planes)
    assert (planes[1] == 0.25).all()
    if location in WRITTEN:
        halved = subsample_chroma(planes, location)
        assert halved[1].shape == chroma.shape
        assert (halved[1] == 0.25).all()


@pytest.mark.parametrize("location", [ChromaLocation.BOTTOM, ChromaLocation.BOTTOM_LEFT])
def test_bottom_chroma_is_read_but_not_written(location: ChromaLocation) -> None:
    with pytest.raises(ValueError, match="not written"):
        subsample_chroma(ramps(4, 4), location)


def test_full_size_chroma_is_left_alone() -> None:
    planes = ramps(4, 4)
    assert upsample_chroma(planes, ChromaLocation.LEFT) is planes

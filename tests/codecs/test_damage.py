import pytest
import torch
from torch import Tensor

from tsexpand.codecs.damage import round_trip, yuv420_of_swscale
from tsexpand.colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.signal import SignalFormat
from tsexpand.colour.ycbcr import Planes, quantise, rgb_to_ycbcr, subsample_chroma

ENCODERS = [
    ("libx264", {"crf": "18", "preset": "medium"}),
    ("libx264", {"crf": "24", "preset": "veryfast"}),
    ("mpeg2video", {"q": "3"}),
    ("mjpeg", {"q": "3"}),
]


def clip(count: int = 7, height: int = 48, width: int = 64) -> Planes:
    """Pictures with detail, each brighter than the one before: their order shows."""
    generator = torch.Generator().manual_seed(1)

    def plane(rows: int, columns: int) -> Tensor:
        cells = torch.rand(1, 1, rows // 4, columns // 4, generator=generator)
        return torch.nn.functional.interpolate(cells, (rows, columns), mode="bicubic").clamp(0, 1)[0]

    rise = 12 * torch.arange(count).view(-1, 1, 1)
    luma = 30 + 90 * plane(height, width) + rise
    chroma = (100 + 56 * plane(height // 2, width // 2).expand(count, -1, -1) for _ in range(2))
    return tuple(p.round().byte() for p in (luma, *chroma))


def damage(before: Planes, after: Planes) -> float:
    """Mean squared error of luma, in codes."""
    return (before[0].float() - after[0].float()).square().mean().item()


@pytest.mark.parametrize(("encoder", "options"), ENCODERS)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_clip_comes_back_damaged_but_whole_and_in_order(encoder: str, options: dict[str, str], count: int) -> None:
    before = clip(count)
    after = round_trip(before, encoder, options)
    for one, other in zip(before, after, strict=True):
        assert other.shape == one.shape
        assert other.dtype == torch.uint8
        assert (one.float() - other.float()).abs().mean() < 5
    assert 0 < damage(before, after) < 40  # of a variance of several hundreds
    levels = [planes[0].float().mean((1, 2)).tolist() for planes in (before, after)]
    assert levels[1] == pytest.approx(levels[0], abs=1)


@pytest.mark.parametrize("size", [(18, 34), (50, 66)])
@pytest.mark.parametrize(("encoder", "options"), ENCODERS)
def test_sizes_that_are_no_multiple_of_a_block_are_kept(
    encoder: str, options: dict[str, str], size: tuple[int, int]
) -> None:
    before = tuple(plane.contiguous() for plane in clip(2, 64, 80))
    height, width = size
    cut = (before[0][:, :height, :width], *(p[:, : height // 2, : width // 2] for p in before[1:]))
    after = round_trip(cut, encoder, options)
    assert [p.shape for p in after] == [p.shape for p in cut]
    assert damage(cut, after) < 25


FINER = [(*encoder, 2) for encoder in ENCODERS] + [(*encoder, 1) for encoder in ENCODERS if encoder[0] != "mpeg2video"]
"""With 4:2:2 and 4:4:4; columns of luma there are to one of chroma."""


@pytest.mark.parametrize("size", [(48, 64), (50, 66)])
@pytest.mark.parametrize(("encoder", "options", "columns"), FINER)
def test_finer_chroma_comes_back_as_fine(
    encoder: str, options: dict[str, str], columns: int, size: tuple[int, int]
) -> None:
    height, width = size
    luma, *chroma = clip(2, 64, 80)
    chroma = [plane.repeat_interleave(2, 1).repeat_interleave(2 // columns, 2) for plane in chroma]
    before = (luma[:, :height, :width], *(plane[:, :height, : width // columns].contiguous() for plane in chroma))
    after = round_trip(before, encoder, options)
    assert [p.shape for p in after] == [p.shape for p in before]
    for one, other in zip(before, after, strict=True):
        assert (one.float() - other.float()).abs().mean() < 5


@pytest.mark.parametrize(
    ("encoder", "option", "qualities"),
    [("libx264", "crf", (12, 20, 28)), ("mpeg2video", "q", (2, 6, 12)), ("mjpeg", "q", (2, 6, 12))],
)
def test_damage_grows_with_the_quantiser(encoder: str, option: str, qualities: tuple[int, ...]) -> None:
    before = clip(3)
    damages = [damage(before, round_trip(before, encoder, {option: str(q)})) for q in qualities]
    assert damages[0] < damages[1] < damages[2]


def test_crf_0_loses_nothing() -> None:
    before = clip()
    after = round_trip(before, "libx264", {"crf": "0", "preset": "veryfast"})
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize(("encoder", "options"), ENCODERS)
def test_the_same_clip_is_damaged_the_same_way(encoder: str, options: dict[str, str]) -> None:
    first, second = (round_trip(clip(), encoder, options) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_frames_of_h264_depend_on_one_another() -> None:
    """A picture amid a clip is not what it is alone: P and B pictures were made."""
    before = clip()
    options = {"crf": "26", "preset": "medium"}
    alone = round_trip(tuple(p[3:4] for p in before), "libx264", options)
    assert not torch.equal(round_trip(before, "libx264", options)[0][3], alone[0][0])


@pytest.mark.parametrize(("level", "luma"), [(0, 16), (128, 126), (255, 235)])
def test_swscale_keeps_greys_neutral_and_in_the_limited_range(level: int, luma: int) -> None:
    y, cb, cr = yuv420_of_swscale(torch.full((2, 3, 16, 24), level, dtype=torch.uint8))
    assert y.shape == (2, 16, 24)
    assert cb.shape == cr.shape == (2, 8, 12)
    assert (y == luma).all()
    assert (cb == 128).all() and (cr == 128).all()


def test_swscale_is_near_to_the_exact_bt709_conversion() -> None:
    """Off by rounding where colour is flat: the matrix is BT.709's, the channels are in their order."""
    colours = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 120, 40]], dtype=torch.uint8)
    rgb = colours.view(4, 3, 1, 1).expand(4, 3, 16, 16)
    signal = SignalFormat(8, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709, ChromaLocation.LEFT)
    exact = quantise(subsample_chroma(rgb_to_ycbcr(rgb / 255, Matrix.BT709), ChromaLocation.LEFT), signal)
    for one, other in zip(yuv420_of_swscale(rgb), exact, strict=True):
        assert (one.int() - other.int()).abs().max() <= 1

import pytest
import torch

from tsexpand.colour.codes import Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.dither import dither_pattern
from tsexpand.colour.signal import SignalFormat
from tsexpand.colour.ycbcr import quantise

CPU = torch.device("cpu")
TEN_BIT = SignalFormat(10, SignalRange.LIMITED, Matrix.BT709, Transfer.BT709, Primaries.BT709)


@pytest.mark.parametrize("size", [(1, 1), (48, 64), (135, 241), (1080, 1920)])
def test_within_half_a_code(size: tuple[int, int]) -> None:
    pattern = dither_pattern(*size, CPU)
    assert pattern.shape == size
    assert pattern.dtype == torch.float32
    assert pattern.abs().max() < 0.5


def test_mean_and_spread_of_uniform_noise() -> None:
    pattern = dither_pattern(512, 512, CPU).double()
    assert float(pattern.mean()) == pytest.approx(0, abs=1e-3)
    assert float(pattern.var()) == pytest.approx(0.994**2 / 12, rel=0.01)


def test_error_averages_out_within_a_few_pixels() -> None:
    blocks = dither_pattern(256, 256, CPU).unfold(0, 8, 8).unfold(1, 8, 8).mean(dim=(2, 3))
    white_noise = (1 / 12) ** 0.5 / 8
    assert float(blocks.std()) < white_noise / 3


def test_the_same_for_every_call_and_a_part_of_a_larger_one() -> None:
    small, large = dither_pattern(20, 30, CPU), dither_pattern(200, 300, CPU)
    assert torch.equal(small, large[:20, :30])
    assert torch.equal(small, dither_pattern(20, 30, CPU))


def test_integer_codes_are_not_moved() -> None:
    codes = torch.arange(4, 1020, dtype=torch.float64).reshape(-1, 1).expand(-1, 64)
    plane = ((codes - 64) / 876).float().unsqueeze(0)
    (dithered,) = quantise((plane,), TEN_BIT, (dither_pattern(1016, 64, CPU),))
    assert torch.equal(dithered[0].double(), codes)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.75, 0.9])
def test_a_level_between_codes_has_the_right_mean(fraction: float) -> None:
    plane = torch.full((1, 128, 128), (500 + fraction - 64) / 876)
    (codes,) = quantise((plane,), TEN_BIT, (dither_pattern(128, 128, CPU),))
    assert set(codes.flatten().tolist()) == {500, 501}
    assert float(codes.double().mean()) == pytest.approx(500 + fraction, abs=0.005)


def test_a_slow_ramp_has_the_right_local_mean() -> None:
    exact = torch.linspace(400, 404, 512, dtype=torch.float64).expand(64, 512)
    (codes,) = quantise((((exact - 64) / 876).float().unsqueeze(0),), TEN_BIT, (dither_pattern(64, 512, CPU),))
    error = (codes[0].double() - exact).unfold(0, 16, 16).unfold(1, 16, 16).mean(dim=(2, 3))
    assert error.abs().max() < 0.05

import pytest
import torch

from tsexpand.colour.codes import Matrix, Transfer
from tsexpand.colour.signal import SignalFormat
from tsexpand.engines import Engine
from tsexpand.engines.analytic import AnalyticEngine

from .pictures import FULL, LIMITED, batch_of, flat, grey, noise, signal_format

CPU = torch.device("cpu")

WHITES = {
    "limited": ((235, 128, 128), signal_format()),
    "full": ((255, 128, 128), signal_format(signal_range=FULL)),
    "10-bit": ((940, 512, 512), signal_format(10)),
    "BT.601": ((235, 128, 128), signal_format(matrix=Matrix.SMPTE170M)),
    "RGB": ((255, 255, 255), signal_format(signal_range=FULL, matrix=Matrix.IDENTITY, transfer=Transfer.SRGB)),
    "16-bit RGB": ((65535,) * 3, signal_format(16, FULL, Matrix.IDENTITY)),
    "grey": ((235,), signal_format()),
    "full grey": ((255,), signal_format(signal_range=FULL)),
}


@pytest.fixture
def engine() -> Engine:
    return AnalyticEngine(CPU)


@pytest.mark.parametrize("name", WHITES)
def test_white_is_reference_white(engine: Engine, name: str) -> None:
    codes, signal = WHITES[name]
    light = engine.expand(flat(codes, signal)).light
    torch.testing.assert_close(light, torch.full((1, 3, 6, 8), 203.0), atol=0.5, rtol=0)


@pytest.mark.parametrize("signal", [signal_format(), signal_format(10), signal_format(signal_range=FULL)])
def test_greys_are_neutral_and_black_is_black(engine: Engine, signal: SignalFormat) -> None:
    peak = 1 << signal.bit_depth
    luma = torch.arange(0, peak, peak // 64).reshape(1, 8, 8)
    chroma = torch.full((1, 4, 4), peak // 2)
    light = engine.expand(batch_of((luma, chroma, chroma), signal)).light
    torch.testing.assert_close(light, light[:, 1:2].expand_as(light), rtol=1e-4, atol=1e-6)
    assert light.min() == 0
    assert light.max() <= 203 * 1.0001
    assert (light[0, 1].flatten().diff() >= 0).all()


def test_each_transfer_is_shown_by_its_own_display(engine: Engine) -> None:
    def shown(transfer: Transfer) -> float:
        signal = signal_format(signal_range=FULL, matrix=Matrix.IDENTITY, transfer=transfer)
        return engine.expand(flat((128,) * 3, signal)).light.mean().item()

    level = 128 / 255
    assert shown(Transfer.SRGB) == pytest.approx(203 * ((level + 0.055) / 1.055) ** 2.4, rel=1e-5)
    assert shown(Transfer.GAMMA22) == pytest.approx(203 * level**2.2, rel=1e-5)
    assert shown(Transfer.BT709) == pytest.approx(203 * level**2.4, rel=1e-5)


def test_super_white_is_clipped(engine: Engine) -> None:
    assert engine.expand(flat((254, 128, 128), signal_format())).light.max() == pytest.approx(203)


def test_reference_white_scales_the_light() -> None:
    batch = noise(1, 8, 8)
    light, dimmer = (AnalyticEngine(CPU, white).expand(batch).light for white in (203.0, 100.0))
    torch.testing.assert_close(dimmer, light * (100 / 203))


def test_what_is_known_of_the_frames_is_carried_over(engine: Engine) -> None:
    batch = noise(2, 33, 65)
    result = engine.expand(batch)
    assert result.light.shape == (2, 3, 33, 65)
    assert (result.timings, result.packets, result.primaries) == (batch.timings, ("packet",), batch.signal.primaries)
    assert result.gains is None


def test_thumbnails_are_averages_of_the_signal(engine: Engine) -> None:
    values = torch.rand(2, 64, 96, generator=torch.Generator().manual_seed(0))
    expected = values.reshape(2, 32, 2, 32, 3).mean(dim=(2, 4)).unsqueeze(1).expand(-1, 3, -1, -1)
    torch.testing.assert_close(engine.expand(grey(values)).thumbnails, expected, atol=1e-4, rtol=0)


def test_a_picture_smaller_than_a_thumbnail(engine: Engine) -> None:
    assert engine.expand(flat((100, 128, 128), signal_format(), 4, 6)).thumbnails.shape == (1, 3, 32, 32)


def test_it_says_what_runs(engine: Engine) -> None:
    assert engine.description == "BT.1886 light without a network on cpu, float32"


def test_limited_range_is_not_full_range(engine: Engine) -> None:
    assert flat((16, 128, 128), signal_format(signal_range=LIMITED)).planes[0].dtype is torch.uint8
    assert engine.expand(flat((16, 128, 128), signal_format(signal_range=LIMITED))).light.max() == 0
    assert engine.expand(flat((16, 128, 128), signal_format(signal_range=FULL))).light.max() > 0.1

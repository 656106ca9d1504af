from types import ModuleType

import numpy
import pytest
import torch
from torch import Tensor

from tsexpand.colour.codes import Primaries, Transfer
from tsexpand.colour.luminance import luminance_weights
from tsexpand.colour.transfer import (
    SDR_EOTF,
    bt1886_eotf,
    bt1886_inverse_eotf,
    gamma22_eotf,
    gamma28_eotf,
    hlg_eotf,
    hlg_inverse_eotf,
    hlg_inverse_oetf,
    hlg_oetf,
    pq_eotf,
    pq_inverse_eotf,
    srgb_eotf,
)

RAMP = torch.linspace(0, 1, 1001, dtype=torch.float64)
BT2020_WEIGHTS = luminance_weights(Primaries.BT2020)

# cd/m², signal, 10-bit limited code: SMPTE ST 2084 evaluated independently.
PQ_VECTORS = [
    (0.0, 7.31e-7, 64),
    (0.005, 0.0150763990, 77),
    (0.1, 0.0623368657, 119),
    (1.0, 0.1499457321, 195),
    (10.0, 0.2996990924, 327),
    (100.0, 0.5080784215, 509),
    (203.0, 0.5806888810, 573),
    (400.0, 0.6525785976, 636),
    (1000.0, 0.7518270962, 723),
    (2000.0, 0.8274246449, 789),
    (4000.0, 0.9025723933, 855),
    (10000.0, 1.0, 940),
]


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def grey(value: float) -> Tensor:
    return torch.full((1, 3, 1, 1), value, dtype=torch.float64)


@pytest.mark.parametrize(("light", "signal", "code"), PQ_VECTORS)
def test_pq_vectors(light: float, signal: float, code: int) -> None:
    computed = float(pq_inverse_eotf(double(light)))
    assert computed == pytest.approx(signal, abs=1e-9)
    assert round(64 + 876 * computed) == code
    if light > 0:
        assert float(pq_eotf(double(signal))) == pytest.approx(light, rel=1e-6)


def test_pq_ends() -> None:
    assert pq_eotf(double(0, 1, -0.5, 1.5)).tolist() == pytest.approx([0, 10000, 0, 10000])
    assert torch.equal(pq_inverse_eotf(double(-1, 20000)), pq_inverse_eotf(double(0, 10000)))


def test_pq_in_single_precision_is_far_below_a_code() -> None:
    light = pq_eotf(RAMP)
    error = (pq_inverse_eotf(light.float()).double() - pq_inverse_eotf(light)).abs().max()
    assert error * 876 < 0.01


def test_pq_and_oracle(oracle: ModuleType) -> None:
    light = pq_eotf(RAMP)
    assert light.numpy() == pytest.approx(oracle.models.eotf_ST2084(RAMP.numpy()), rel=1e-9, abs=1e-9)
    assert pq_inverse_eotf(light).numpy() == pytest.approx(oracle.models.eotf_inverse_ST2084(light.numpy()), abs=1e-9)


@pytest.mark.parametrize(
    ("scene", "signal"), [(0, 0), (1 / 48, 0.25), (1 / 12, 0.5), (0.265, 0.750028), (0.5, 0.871643), (1, 1)]
)
def test_hlg_oetf_vectors(scene: float, signal: float) -> None:
    assert float(hlg_oetf(double(scene))) == pytest.approx(signal, abs=1e-6)
    assert float(hlg_inverse_oetf(double(signal))) == pytest.approx(scene, abs=2e-6)


@pytest.mark.parametrize(("signal", "light"), [(0.0, 0.0), (0.5, 50.69703), (0.75, 203.15215), (1.0, 1000.0)])
def test_hlg_eotf_vectors(signal: float, light: float) -> None:
    shown = hlg_eotf(grey(signal), BT2020_WEIGHTS)
    assert shown.flatten().tolist() == pytest.approx([light] * 3, abs=2e-3)
    assert hlg_inverse_eotf(grey(light), BT2020_WEIGHTS).flatten().tolist() == pytest.approx([signal] * 3, abs=1e-5)


def test_hlg_and_oracle(oracle: ModuleType) -> None:
    with numpy.errstate(invalid="ignore"):  # the oracle takes the logarithm of the lower half, then drops it
        expected = oracle.models.oetf_BT2100_HLG(RAMP.numpy())
    assert hlg_oetf(RAMP).numpy() == pytest.approx(expected, abs=1e-7)
    colours = torch.rand(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shown = hlg_eotf(colours.reshape(50, 3, 1, 1), BT2020_WEIGHTS).reshape(50, 3)
    # The oracle weighs luminance by BT.2100's four digits.
    assert shown.numpy() == pytest.approx(oracle.models.eotf_BT2100_HLG(colours.numpy()), rel=1e-4, abs=1e-3)


def test_hlg_round_trip_of_colours() -> None:
    signal = torch.rand(1, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    back = hlg_inverse_eotf(hlg_eotf(signal, BT2020_WEIGHTS), BT2020_WEIGHTS)
    torch.testing.assert_close(back, signal, rtol=0, atol=2e-5)


# BT.1886 with L_W = 100 and L_B = 0.
BT1886_VECTORS = [(0.1, 0.398107), (0.25, 3.589682), (0.5, 18.946457), (0.75, 50.135694), (0.9, 77.657253), (1, 100)]


@pytest.mark.parametrize(("signal", "light"), BT1886_VECTORS)
def test_bt1886_vectors(signal: float, light: float) -> None:
    assert float(100 * bt1886_eotf(double(signal))) == pytest.approx(light, abs=1e-6)
    assert float(bt1886_inverse_eotf(double(light / 100))) == pytest.approx(signal, abs=1e-7)


def test_bt1886_and_oracle(oracle: ModuleType) -> None:
    assert bt1886_eotf(RAMP).numpy() == pytest.approx(oracle.models.eotf_BT1886(RAMP.numpy(), 0, 1), abs=1e-12)


@pytest.mark.parametrize(
    ("signal", "light"), [(0, 0), (0.04045, 0.04045 / 12.92), (0.5, 0.21404114), (0.2, 0.03310477), (1, 1)]
)
def test_srgb_vectors(signal: float, light: float) -> None:
    assert float(srgb_eotf(double(signal))) == pytest.approx(light, abs=1e-8)


def test_srgb_and_oracle(oracle: ModuleType) -> None:
    assert srgb_eotf(RAMP).numpy() == pytest.approx(oracle.models.eotf_sRGB(RAMP.numpy()), abs=1e-7)


@pytest.mark.parametrize(("eotf", "exponent"), [(gamma22_eotf, 2.2), (gamma28_eotf, 2.8)])
def test_pure_powers(eotf, exponent: float) -> None:  # type: ignore[no-untyped-def]
    assert eotf(double(0, 0.5, 1)).tolist() == pytest.approx([0, 0.5**exponent, 1])


@pytest.mark.parametrize("transfer", SDR_EOTF)
def test_every_sdr_eotf_is_monotonic_from_black_to_one(transfer: Transfer) -> None:
    light = SDR_EOTF[transfer](RAMP)
    assert (light.diff() > 0).all()
    assert [float(light[0]), float(light[-1])] == pytest.approx([0, 1], abs=1e-12)
    assert float(SDR_EOTF[transfer](double(-0.07))) == 0  # what limited range carries below black
    assert float(SDR_EOTF[transfer](double(1.09))) > 1


@pytest.mark.parametrize("transfer", [Transfer.BT709, Transfer.SMPTE170M, Transfer.BT2020_10, Transfer.BT2020_12])
def test_camera_transfers_are_displayed_as_bt1886(transfer: Transfer) -> None:
    assert SDR_EOTF[transfer] is bt1886_eotf


@pytest.mark.parametrize("function", [bt1886_eotf, srgb_eotf, pq_eotf, pq_inverse_eotf, hlg_oetf, hlg_inverse_oetf])
def test_shape_and_dtype_are_kept(function) -> None:  # type: ignore[no-untyped-def]
    for dtype in (torch.float32, torch.float64):
        out = function(torch.full((2, 1, 5), 0.3, dtype=dtype))
        assert (out.shape, out.dtype) == ((2, 1, 5), dtype)

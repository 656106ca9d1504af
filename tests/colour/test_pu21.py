import pytest
import torch

from tsexpand.colour.pu21 import pu21

# "banding_glare" of pu21_encoder.m (github.com/gfxdisp/pu21), and its decoder, which is another formula.
P = (0.353487901, 0.3734658629, 8.277049286e-05, 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142)


def decoded(value: torch.Tensor) -> torch.Tensor:
    power = (value / P[6] + P[5]).clamp_min(0) ** (1 / P[4])
    return ((power - P[0]).clamp_min(0) / (P[1] - P[2] * power)) ** (1 / P[3])


def test_the_decoder_of_the_authors_takes_it_back() -> None:
    light = torch.logspace(-2.3, 4, 200, dtype=torch.float64)
    assert torch.allclose(decoded(pu21(light)), light, rtol=1e-9)


KNOWN = {0.005: 0.0, 203: 303.80, 1000: 420.10, 4000: 527.49, 10000: 595.39}


@pytest.mark.parametrize("light", KNOWN)
def test_known_values(light: float) -> None:
    """The least is 0; the others are of the authors' formula."""
    assert float(pu21(torch.tensor(light))) == pytest.approx(KNOWN[light], abs=0.01)


def test_sdr_white_is_about_256() -> None:
    """The authors: "100 [nit] is mapped to 256 to mimic the input to SDR quality metrics"."""
    assert float(pu21(torch.tensor(100.0))) == pytest.approx(256, abs=0.5)


def test_light_beyond_is_clamped() -> None:
    assert pu21(torch.tensor([-1.0, 20000.0])).tolist() == pu21(torch.tensor([0.005, 10000.0])).tolist()

import math

import pytest
import torch

from tsexpand.colour.sdr_tone import Tone, sdr_light, tone_curve
from tsexpand.colour.transfer import pq_eotf, pq_inverse_eotf

WHITE = 203.0
LIGHT = torch.cat((torch.zeros(1), torch.logspace(-4, 4, 4001))).double()

every_tone = pytest.mark.parametrize("tone", [tone for tone in Tone if tone is not Tone.MANTIUK])


def signal(relative: torch.Tensor) -> float:
    return float(relative) ** (1 / 2.4)


@every_tone
@pytest.mark.parametrize("peak", [204.0, 250.0, 1000.0, 4000.0, 10000.0])
@pytest.mark.parametrize("white", [1.0, 100.0, 203.0])
def test_curves_rise_from_black_to_white(tone: Tone, peak: float, white: float) -> None:
    shown = tone_curve(tone, peak, white)(LIGHT.clamp_max(peak))
    assert shown[0] == 0 and (shown.diff() >= -1e-12).all() and shown.max() <= 1
    end = tone_curve(tone, peak, white)(torch.tensor(peak, dtype=torch.float64))
    assert end == pytest.approx(1 if tone is not Tone.EXPOSURE else min(1, peak / white / 2), abs=1e-6)


@pytest.mark.parametrize(
    ("tone", "expected"), [(Tone.BT2390, 0.903), (Tone.REINHARD, 0.762), (Tone.DRAGO, 0.780), (Tone.EXPOSURE, 0.749)]
)
def test_reference_white_is_where_sdr_viewers_expect_it(tone: Tone, expected: float) -> None:
    assert signal(tone_curve(tone, 1000, WHITE)(torch.tensor(WHITE))) == pytest.approx(expected, abs=0.001)


def test_bt2390_is_the_eetf_of_the_report() -> None:
    """Computed from section 5.4.1 step by step, in the report's words."""

    def pq(x: float) -> float:
        return float(pq_inverse_eotf(torch.tensor(x, dtype=torch.float64)))

    max_lum = pq(WHITE) / pq(1000)
    ks = 1.5 * max_lum - 0.5
    for light in (50.0, 120.0, 203.0, 500.0, 999.0):
        e1 = pq(light) / pq(1000)
        t = (e1 - ks) / (1 - ks)
        spline = (2 * t**3 - 3 * t**2 + 1) * ks + (t**3 - 2 * t**2 + t) * (1 - ks) + (-2 * t**3 + 3 * t**2) * max_lum
        e2 = e1 if e1 < ks else spline
        expected = float(pq_eotf(torch.tensor(e2 * pq(1000), dtype=torch.float64)))
        found = tone_curve(Tone.BT2390, 1000, WHITE)(torch.tensor(light, dtype=torch.float64)) * WHITE
        assert found == pytest.approx(expected, rel=1e-6)


def test_bt2390_leaves_the_mid_tones_alone() -> None:
    below = LIGHT[LIGHT < 85]
    assert torch.equal(tone_curve(Tone.BT2390, 1000, WHITE)(below), below / WHITE)


def test_reinhard_is_equation_4() -> None:
    light, white = 500 / WHITE, 1000 / WHITE
    expected = light * (1 + light / white**2) / (1 + light)
    assert tone_curve(Tone.REINHARD, 1000, WHITE)(torch.tensor(500.0)) == pytest.approx(expected, rel=1e-6)


def test_drago_is_equation_4_with_white_at_its_place() -> None:
    curve = tone_curve(Tone.DRAGO, 1000, WHITE)
    assert curve(torch.tensor(WHITE, dtype=torch.float64)) == pytest.approx(0.55, abs=1e-9)
    adaptation = WHITE * 0.40969  # with which the formula below gives 0.55 for white

    def by_paper(light: float) -> float:
        lw, lw_max = light / adaptation, 1000 / adaptation
        bias = math.log(0.85) / math.log(0.5)
        return math.log(lw + 1) / math.log(2 + 8 * (lw / lw_max) ** bias) / math.log10(lw_max + 1)

    for light in (1.0, 36.0, 203.0, 700.0):
        assert curve(torch.tensor(light)) == pytest.approx(by_paper(light), rel=1e-4)


@every_tone
def test_hue_and_saturation_stay_and_nothing_is_clipped(tone: Tone) -> None:
    colours = torch.tensor([[900.0, 300.0, 90.0], [30.0, 10.0, 3.0], [0.0, 0.0, 1000.0]]).T[None, :, :, None]
    shown = sdr_light(colours, tone_curve(tone, 1000, WHITE))
    assert shown[0, 1, :2] / shown[0, 0, :2] == pytest.approx(1 / 3, rel=1e-5)
    assert shown[0, 2, :2] / shown[0, 0, :2] == pytest.approx(0.1, rel=1e-5)
    assert shown.max() <= 1 + 1e-6 and (shown[0, :2, 2] == 0).all()


@every_tone
def test_greys_are_neutral_and_black_is_black(tone: Tone) -> None:
    grey = torch.tensor([0.0, 0.5, 80.0, 400.0]).expand(1, 3, 1, 4)
    shown = sdr_light(grey, tone_curve(tone, 1000, WHITE))
    assert torch.equal(shown[:, 0], shown[:, 1]) and torch.equal(shown[:, 1], shown[:, 2])
    assert (shown[..., 0] == 0).all()

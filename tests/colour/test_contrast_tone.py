"""The curve of a picture: known solutions, and what holds of all of them."""

import math

import pytest
import torch
from torch import Tensor

from tsexpand.colour.contrast_tone import ContrastTone, best_slopes

WHITE = 203.0
LIGHT = torch.cat((torch.zeros(1), torch.logspace(-4, 4, 4001))).double()


def shown(picture: Tensor, light: Tensor | float, peak: float = 1000, white: float = WHITE) -> Tensor:
    tone = ContrastTone(peak, white)
    return tone.curve(tone.slopes(picture))(torch.as_tensor(light, dtype=torch.float64))


def levels(low: float, high: float, count: int, seed: int = 1) -> Tensor:
    """Pixels whose logarithms are evenly spread."""
    spread = torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return low * (high / low) ** spread


def test_a_uniform_histogram_gives_a_straight_line() -> None:
    assert best_slopes(torch.full((8,), 0.25).double(), torch.full((8,), 0.1).double(), 0.6).tolist() == pytest.approx(
        [0.75] * 8
    )


@pytest.mark.parametrize("room", [1.0, 3.0])
def test_where_there_is_room_nothing_is_compressed(room: float) -> None:
    assert (best_slopes(levels(0.1, 1, 8), torch.full((8,), 0.125).double(), room) == 1).all()


def test_slopes_are_where_the_pixels_are() -> None:
    """Weights 4, 1, 0, 1, 4 with a step to give up: the empty one is; with another half: 1/16 of four, 1/4 of one."""
    weights, widths = torch.tensor([4.0, 1, 0, 1, 4]).double(), torch.ones(5).double()
    assert best_slopes(weights, widths, 4.0).tolist() == pytest.approx([1, 1, 0, 1, 1], abs=1e-6)
    assert best_slopes(weights, widths, 3.5).tolist() == pytest.approx([0.95, 0.8, 0, 0.8, 0.95], abs=1e-6)
    assert best_slopes(weights, widths, 1.5).tolist() == pytest.approx([0.75, 0, 0, 0, 0.75], abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_no_other_slopes_distort_less(seed: int) -> None:
    """By the conditions of Karush, Kuhn and Tucker, sufficient here: all steps that are not flat have one price."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(30, generator=generator, dtype=torch.float64) ** 4
    widths = torch.rand(30, generator=generator, dtype=torch.float64) + 0.1
    weights[:5] = 0
    room = float(widths.sum()) * (0.1 + 0.15 * seed)
    slopes = best_slopes(weights, widths, room)
    gains = weights * (1 - slopes) / widths  # of a little more room for each
    steep = slopes > 0
    assert (slopes * widths).sum() == pytest.approx(room, abs=1e-9) and ((slopes >= 0) & (slopes <= 1)).all()
    assert gains[steep] == pytest.approx(float(gains[steep].mean()), abs=1e-8)
    assert (gains[~steep] <= gains[steep].mean() + 1e-8).all()


@pytest.mark.parametrize("peak", [204.0, 250.0, 406.0, 1000.0, 4000.0, 10000.0])
@pytest.mark.parametrize("white", [1.0, 100.0, 203.0])
@pytest.mark.parametrize("picture", [levels(0.001, 10000, 500), levels(0.1, 30, 500), torch.zeros(9), LIGHT * 1e6])
def test_curves_rise_from_black_to_white(picture: Tensor, peak: float, white: float) -> None:
    curve = shown(picture.clamp_max(peak), LIGHT.clamp_max(peak), peak, white)
    assert curve[0] == 0 and (curve.diff() >= -1e-12).all() and curve.max() <= 1
    assert curve[-1] == pytest.approx(1, abs=1e-9)
    dark = white / 1000 >= LIGHT
    assert torch.equal(curve[dark], LIGHT[dark] / white)
    assert shown(picture.clamp_max(peak), white, peak, white) >= 0.5 - 1e-9


@pytest.mark.parametrize("picture", [levels(0.01, WHITE, 2000), levels(5, 80, 2000), torch.tensor([WHITE, 1.0])])
def test_what_sdr_can_show_stays_as_it_is(picture: Tensor) -> None:
    below = LIGHT[LIGHT <= WHITE]
    assert shown(picture, below) == pytest.approx(below / WHITE, rel=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.1, 20.0, WHITE])
def test_one_level_is_shown_as_in_sdr(level: float) -> None:
    assert shown(torch.full((100,), level), level) == pytest.approx(level / WHITE, rel=1e-6)


def test_a_picture_of_one_highlight_has_a_curve() -> None:
    curve = shown(torch.full((100,), 600.0), LIGHT.clamp_max(1000))
    assert curve.isfinite().all() and curve[-1] == 1


def test_the_more_highlights_the_lower_is_white_down_to_a_stop() -> None:
    picture = levels(2, 200, 10000)
    whites = []
    for count in (0, 10, 100, 300, 1000, 5000):
        picture[:count] = levels(WHITE, 1000, count, seed=2)
        whites.append(float(shown(picture, WHITE)))
    assert whites[0] == pytest.approx(1, abs=1e-6) and whites == sorted(whites, reverse=True)
    assert whites[1:] == pytest.approx([0.978, 0.856, 0.68, 0.5, 0.5], abs=0.01)


def test_two_kinds_of_light_keep_their_contrasts() -> None:
    """Pixels around 10 and 600 cd/m²: what lies between gives way, the highlights' empty part before all."""
    picture = torch.cat((levels(8, 12, 900), levels(500, 700, 900)))

    def kept(low: float, high: float) -> float:
        """The part of a contrast that is left."""
        return float((shown(picture, high) / shown(picture, low)).log10()) / math.log10(high / low)

    assert kept(9, 11) > 0.95 and kept(520, 680) > 0.9 and kept(20, 150) < 0.9 and kept(210, 400) < 0.1


def test_a_level_that_drifts_moves_nothing_at_once() -> None:
    """Right across the steps of the curve, where a tenth of the pixels are of one light."""
    dark = levels(1, 150, 900)
    drifting = [torch.cat((dark, torch.full((100,), 190 * 1.004**i))) for i in range(400)]
    curves = torch.stack([shown(picture, LIGHT[LIGHT > 0.2]) for picture in drifting]).log10()
    assert curves.diff(dim=0).abs().max() < 0.04  # decades
    assert (curves[-1] - curves[0]).abs().max() > 0.15

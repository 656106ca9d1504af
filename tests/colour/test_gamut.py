import pytest
import torch

from tsexpand.colour.codes import Primaries
from tsexpand.colour.gamut import soft_bt709
from tsexpand.colour.primaries import convert


def all_colours() -> torch.Tensor:
    """Of a cube of 25 steps: (1, 3, 1, N)."""
    cube = torch.cartesian_prod(*[torch.linspace(0, 1, 25)] * 3)
    return cube.T[None, :, None, :].contiguous()


def test_bt709_stays_as_it_is() -> None:
    light = all_colours()
    assert soft_bt709(light, Primaries.BT709) is light


@pytest.mark.parametrize("source", [Primaries.BT2020, Primaries.SMPTE170M, Primaries.SMPTE432])
def test_nothing_is_left_outside(source: Primaries) -> None:
    light = all_colours()
    found = soft_bt709(light, source)
    assert found.min() >= 0
    assert torch.allclose(found.amax(1), convert(light, source, Primaries.BT709).amax(1), atol=1e-6)


def test_what_is_well_inside_stays() -> None:
    light = all_colours()
    converted = convert(light, Primaries.BT2020, Primaries.BT709)
    inside = (converted.amin(1, keepdim=True) > 0.11 * converted.amax(1, keepdim=True)).expand_as(light)
    assert torch.allclose(soft_bt709(light, Primaries.BT2020)[inside], converted[inside], atol=1e-6)


def test_no_two_colours_become_one() -> None:
    """From grey to the green of BT.2020, ever more saturated: a hard clip would end half way."""
    steps = torch.linspace(0, 1, 200)
    ramp = torch.stack((1 - steps, torch.ones(200), 1 - steps))[None, :, None, :]
    found = soft_bt709(ramp, Primaries.BT2020)[0, :, 0]
    assert ((found[0] / found[1]).diff() < 0).all()


def test_greys_stay_grey() -> None:
    grey = torch.tensor([0.0, 0.2, 1.0]).expand(1, 3, 1, 3)
    found = soft_bt709(grey, Primaries.BT2020)
    assert torch.allclose(found, grey, atol=1e-6)

import pytest
import torch

from tsexpand.network.output import REFERENCE_WHITE, Parametrisation, analytic_light, light

from .models import random_signal


def test_zero_logits_show_the_analytic_light() -> None:
    signal = torch.linspace(0, 1, 64).reshape(1, 1, 8, 8).expand(1, 3, 8, 8)
    shown = light(torch.zeros(1, 3, 8, 8), signal, Parametrisation.ABSOLUTE)
    assert shown.max().item() == pytest.approx(REFERENCE_WHITE, rel=1e-3)
    torch.testing.assert_close(shown, analytic_light(signal), rtol=1e-3, atol=1e-4)


def test_black_stays_black() -> None:
    black = torch.zeros(1, 3, 4, 4)
    assert light(black, black, Parametrisation.ABSOLUTE).max() < 1e-4


def test_absolute_light_grows_with_the_logits_up_to_the_peak_of_pq() -> None:
    signal = torch.full((1, 3, 1, 9), 0.9)
    logits = torch.linspace(-4, 12, 9).expand(1, 3, 1, 9)
    shown = light(logits, signal, Parametrisation.ABSOLUTE)
    assert (shown.diff(dim=-1) > 0).all()
    assert shown.max() <= 10_000


def test_relative_light_is_the_sigmoid_and_ignores_the_signal() -> None:
    logits = random_signal(1, 3, 4, 4) * 8 - 4
    shown = light(logits, random_signal(1, 3, 4, 4, seed=2), Parametrisation.RELATIVE)
    torch.testing.assert_close(shown, 1 / (1 + (-logits).exp()), atol=1e-6, rtol=0)

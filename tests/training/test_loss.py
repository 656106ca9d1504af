import pytest
import torch
from torch import Tensor

from tsexpand.colour.pu21 import BRIGHT, PEAK_SIGNAL, pu21
from tsexpand.colour.transfer import pq_inverse_eotf
from tsexpand.network.output import REFERENCE_WHITE
from tsexpand.training.loss import (
    BORDER,
    CHANGE_WEIGHT,
    CLIPPED,
    REST,
    STABILITY_WEIGHTS,
    SURROUNDINGS,
    Area,
    areas,
    distillation_loss,
    mean_square,
    published_reconstruction_loss,
    published_stability_loss,
    reconstruction_loss,
    stability_loss,
)
from tsexpand.training.options import Stability

KINDS = [kind for kind in Stability if kind is not Stability.NONE]


def signal(light: Tensor) -> Tensor:
    return pq_inverse_eotf(REFERENCE_WHITE * light)


def halves() -> Tensor:
    """Rest on the left, clipped on the right, the border between."""
    light = torch.full((1, 3, 16, 32), 0.3)
    light[..., 16:] = 3.0
    return light


def test_a_perfect_prediction_has_the_loss_of_the_floors() -> None:
    expected = sum(area.weight * area.floor**0.5 for area in (CLIPPED, BORDER, REST))
    assert reconstruction_loss(signal(halves()), halves()).item() == pytest.approx(expected, abs=1e-3)


def test_the_areas_are_what_clipped_its_border_and_the_rest() -> None:
    light = halves()
    light[:, 1, 0, 0] = 0.75  # one channel on the shoulder
    clipped, border, rest = (mask[0, 0] for mask in areas(light))
    assert torch.equal(clipped, light[0, 0] == 3)
    assert border[0, 0] and border[:, 16 - SURROUNDINGS : 16].all() and border.sum() == 1 + 16 * SURROUNDINGS
    assert torch.equal(rest, ~clipped & ~border)


@pytest.mark.parametrize(("light", "shown", "area"), [(0.3, 0.4, REST), (0.8, 0.9, BORDER), (4.0, 1.0, CLIPPED)])
def test_in_each_area_the_loss_is_its_share_of_the_root_of_the_squared_error(
    light: float, shown: float, area: Area
) -> None:
    truth = torch.full((1, 3, 16, 16), light)
    error = pu21(torch.tensor(shown * REFERENCE_WHITE)) - pu21(torch.tensor(light * REFERENCE_WHITE))
    expected = area.weight * (float(error) ** 2 + area.floor) ** 0.5
    assert reconstruction_loss(signal(truth * shown / light), truth).item() == pytest.approx(expected, abs=1e-3)


def test_an_area_too_small_to_tell_counts_nothing() -> None:
    light = torch.full((1, 3, 16, 16), 0.3)
    light[..., 0, :4] = 50.0
    wrong = signal(light.clamp_max(1))
    without = reconstruction_loss(signal(light), light)
    assert reconstruction_loss(wrong, light).item() == pytest.approx(without.item(), abs=2e-3)


def test_above_the_peak_more_is_neither_better_nor_worse_but_below_the_truth_too_bright_is_wrong() -> None:
    sun = torch.full((1, 3, 16, 16), 2 * BRIGHT / REFERENCE_WHITE)
    brighter = reconstruction_loss(signal(1.2 * sun), sun)
    assert brighter.item() == pytest.approx(reconstruction_loss(signal(sun), sun).item(), abs=1e-4)
    cloud = torch.full((1, 3, 16, 16), 2.0)
    losses = [reconstruction_loss(signal(cloud * factor), cloud).item() for factor in (1, 2, 10, 40)]
    assert losses == sorted(losses)


def test_gradients_are_finite_for_black_and_for_the_sun() -> None:
    light = torch.zeros(2, 3, 16, 16)
    light[1] = 65504.0
    prediction = torch.full_like(light, 1e-6).requires_grad_()
    reconstruction_loss(prediction, light).backward()
    assert prediction.grad is not None and prediction.grad.isfinite().all()


def test_a_mean_square_is_of_its_area() -> None:
    error = torch.ones(1, 3, 4, 4)
    error[..., 0] = 3.0
    area = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    assert mean_square(error, area).item() == 0
    area[..., 0] = True
    assert mean_square(error, area).item() == 9


def test_the_published_loss_has_its_known_values() -> None:
    truth = torch.full((1, 3, 2, 2), 0.5)
    assert published_reconstruction_loss(truth, truth).item() == pytest.approx(0, abs=1e-6)
    assert published_reconstruction_loss(truth + 0.1, truth).item() == pytest.approx(0.1, abs=1e-6)
    red, green = torch.zeros(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    red[:, 0], green[:, 1] = 1.0, 1.0
    assert published_reconstruction_loss(red, green).item() == pytest.approx(2 / 3 + 5, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_published_stability_is_best_where_nothing_differs(kind: Stability) -> None:
    picture, noise = _picture_and_noise()
    values = [published_stability_loss(picture + share * noise, picture, kind).item() for share in (0, 0.01, 0.05)]
    assert values == sorted(values) and values[0] < values[1]


def _picture_and_noise() -> tuple[Tensor, Tensor]:
    picture = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.5 + 0.2
    return picture, torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_stability_is_best_where_only_the_truth_changes(kind: Stability) -> None:
    """Whatever the error is, as long as it stays what it is."""
    picture, noise = _picture_and_noise()
    light, light_after = picture, 1.2 * picture
    was, after = (signal(true) for true in (light, light_after))
    values = [stability_loss(was, after + share * noise, light, light_after, kind).item() for share in (0, 0.01, 0.05)]
    assert values == sorted(values) and values[0] < values[1]
    frozen = stability_loss(was, was, light, light_after, kind).item()
    assert frozen > values[0]  # a picture that does not follow the truth is not steady


@pytest.mark.parametrize("kind", KINDS)
def test_stability_has_its_known_value(kind: Stability) -> None:
    """Of a grey that goes from a quarter of reference white to half of it, and should not."""
    light = torch.full((1, 3, 16, 16), 0.25)
    was, shown = (float(pu21(torch.tensor(share * REFERENCE_WHITE))) for share in (0.25, 0.5))
    root = ((shown - was) ** 2 + REST.floor) ** 0.5
    stabilising = (0.01 * PEAK_SIGNAL) ** 2  # SSIM of flat pictures compares their means only
    expected = {
        Stability.L1: shown - was,
        Stability.L2: root,
        Stability.REC: REST.weight * root,
        Stability.SSIM: 1 - (2 * shown * was + stabilising) / (shown**2 + was**2 + stabilising),
    }
    loss = stability_loss(signal(light), signal(2 * light), light, light, kind).item()
    assert loss / STABILITY_WEIGHTS[kind] == pytest.approx(expected[kind], rel=1e-3, abs=3e-4)


def test_rec_weighs_changes_as_reconstruction_weighs_errors() -> None:
    """What changes in the rest of a picture costs more than the same in what clipped, and a change of hue more."""
    half = halves()
    losses = []
    for area in (slice(0, 8), slice(24, 32)):
        after = signal(half)
        after[..., area] += 0.02
        losses.append(stability_loss(signal(half), after, half, half, Stability.REC).item())
    assert losses[0] > losses[1]
    grey = torch.full((1, 3, 16, 16), 0.25)
    tinted = grey * torch.tensor([1.2, 1.0, 0.8])[:, None, None]
    bright = grey * 1.2
    assert _cosine_share(grey, tinted) > 1e-4 > abs(_cosine_share(grey, bright))


def _cosine_share(was: Tensor, after: Tensor) -> float:
    """What is left of REC without its areas."""
    loss = stability_loss(signal(was), signal(after), was, was, Stability.REC).item()
    error = pu21(REFERENCE_WHITE * after) - pu21(REFERENCE_WHITE * was)
    return loss / STABILITY_WEIGHTS[Stability.REC] - REST.weight * float((error.square().mean() + REST.floor).sqrt())


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_stability_are_finite_for_black_and_for_the_sun(kind: Stability) -> None:
    light = torch.zeros(2, 3, 16, 16)
    light[1] = 65504.0
    now, after = (torch.full_like(light, level).requires_grad_() for level in (1e-6, 2e-6))
    stability_loss(now, after, light, light, kind).backward()
    assert all(t.grad is not None and t.grad.isfinite().all() for t in (now, after))


def test_published_stability_has_its_known_values() -> None:
    picture = torch.full((1, 3, 16, 16), 0.5)
    assert published_stability_loss(picture + 0.1, picture, Stability.L1).item() == pytest.approx(0.1)
    assert published_stability_loss(picture + 0.1, picture, Stability.L2).item() == pytest.approx(0.01)
    assert published_stability_loss(picture, picture, Stability.SSIM).item() == pytest.approx(0, abs=1e-6)


def test_what_a_teacher_shows_costs_the_floors_and_what_it_does_not_its_area() -> None:
    light = torch.full((1, 3, 16, 16), 0.3)
    taught, ours = signal(torch.full_like(light, 0.25)), signal(torch.full_like(light, 0.4))
    error = pu21(torch.tensor(0.4 * REFERENCE_WHITE)) - pu21(torch.tensor(0.25 * REFERENCE_WHITE))
    assert float(distillation_loss([taught], [taught], [light])) == pytest.approx(REST.weight * REST.floor**0.5)
    expected = REST.weight * float(error**2 + REST.floor) ** 0.5
    assert float(distillation_loss([ours], [taught], [light])) == pytest.approx(expected, abs=1e-3)


def test_a_change_that_a_teacher_does_not_show_costs_more() -> None:
    light = torch.full((1, 3, 16, 16), 0.3)
    dim, bright = signal(torch.full_like(light, 0.25)), signal(torch.full_like(light, 0.4))
    steady = distillation_loss([bright, bright], [dim, dim], [light, light])
    changing = distillation_loss([dim, bright], [dim, dim], [light, light])
    change = float(pu21(torch.tensor(0.4 * REFERENCE_WHITE)) - pu21(torch.tensor(0.25 * REFERENCE_WHITE)))
    alone = (REST.weight * (REST.floor**0.5 + (change**2 + REST.floor) ** 0.5)) / 2
    assert float(changing) == pytest.approx(alone + CHANGE_WEIGHT * change, abs=1e-3)
    assert float(steady) == pytest.approx(REST.weight * (change**2 + REST.floor) ** 0.5, abs=1e-3)

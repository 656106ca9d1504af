import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tsexpand.training import tonemappers
from tsexpand.training.tonemappers import (
    RANGES,
    drago,
    mantiuk,
    percentile_exposure,
    random_tone_mapping,
    reinhard,
    stretched,
    tone_mapped,
)

Operator = Callable[[Tensor], Tensor]


def values(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32)


OPERATORS: dict[str, Operator] = {
    "exposure": lambda x: percentile_exposure(x, values(5), values(95), values(2)),
    "reinhard": lambda x: reinhard(x, values(0.5), values(0.9), values(0.1), values(2)),
    "drago": lambda x: drago(x, values(0.8), values(2)),
    "mantiuk": lambda x: mantiuk(x, values(0.75), values(2)),
}


def scene(seed: int = 0, size: int = 32) -> Tensor:
    """Light of four decades, in colour, with structure at several scales."""
    generator = torch.Generator().manual_seed(seed)
    logs = torch.zeros(1, 3, size, size)
    for cells, strength in ((2, 3.0), (8, 1.0), (size, 0.3)):
        noise = strength * torch.randn(1, 3, cells, cells, generator=generator).mean(1, keepdim=True)
        hue = 0.2 * strength * torch.randn(1, 3, cells, cells, generator=generator)
        logs += torch.nn.functional.interpolate(noise + hue, (size, size), mode="bilinear", align_corners=False)
    return logs.exp()


def grey_ramp() -> Tensor:
    return torch.linspace(0, 1, 64).pow(3).expand(1, 3, 4, 64)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_darkest_is_0_the_brightest_1_and_all_rises_between(name: str) -> None:
    signal = OPERATORS[name](grey_ramp())
    assert (signal[..., 0] == 0).all()
    assert signal[..., -1].min() == pytest.approx(1, abs=1e-6)
    assert (signal.diff(dim=-1) >= 0).all()
    assert (signal[..., 16:48].diff(dim=-1) > 0).all()


@pytest.mark.parametrize("name", OPERATORS)
def test_only_proportions_count(name: str) -> None:
    light = scene()
    assert torch.allclose(OPERATORS[name](1000 * light), OPERATORS[name](light), atol=1e-5)


@pytest.mark.parametrize("name", OPERATORS)
def test_grey_stays_grey(name: str) -> None:
    signal = OPERATORS[name](grey_ramp())
    assert torch.allclose(signal, signal[:, :1].expand_as(signal), atol=1e-6)


@pytest.mark.parametrize("name", ["drago", "mantiuk"])
def test_what_follows_luminance_keeps_the_proportions_of_colours(name: str) -> None:
    light, shown = stretched(scene()), OPERATORS[name](scene()) ** 2
    assert torch.allclose(shown[:, :1] * light, shown * light[:, :1], atol=1e-6)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("level", [0.0, 3.0])
def test_a_picture_of_one_value_is_finite(name: str, level: float) -> None:
    signal = OPERATORS[name](torch.full((1, 3, 8, 8), level))
    assert torch.isfinite(signal).all()
    assert signal.min() >= 0 and signal.max() <= 1


def test_stretching_takes_each_picture_by_itself() -> None:
    light = torch.tensor([[2.0, 4.0, 6.0], [-1.0, 0.0, 7.0]]).view(2, 1, 1, 3)
    assert stretched(light).flatten().tolist() == [0, 0.5, 1, 0, 0.125, 1]


def test_percentile_exposure_clips_at_the_percentiles() -> None:
    light = torch.arange(0, 303.0).view(1, 3, 1, 101)  # the percentile p is 3.02 p
    signal = percentile_exposure(light, values(10), values(90), values(2))
    black, white = np.percentile(light.numpy(), [10, 90])
    expected = np.sqrt(np.clip((light.numpy() - black) / (white - black), 0, 1))
    assert signal.numpy() == pytest.approx(expected, abs=1e-6)


def test_reinhard_adapted_to_the_pixel_has_the_value_of_its_equation() -> None:
    light = torch.tensor([0.0, 0.25, 1.0, 1.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    signal = reinhard(light, values(0), values(1), values(0), values(1))
    logs = np.log([1e-4, 0.25, 1, 1])
    contrast = 0.3 + 0.7 * (-logs.mean() / -logs.min()) ** 1.4
    assert signal[0, 0, 0, 1] == pytest.approx(0.25 / (0.25 + 0.25**contrast) * 2, abs=1e-5)


def test_drago_has_the_value_of_its_equation() -> None:
    light = torch.tensor([0.0, 0.1, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    signal = drago(light, values(0.85), values(1))
    scale = np.exp(-np.log([1e-4, 0.1, 1.0]).mean())
    base = 2 + 8 * 0.1 ** (np.log(0.85) / np.log(0.5))
    expected = np.log1p(0.1 * scale) / np.log(base) / (np.log1p(scale) / np.log(10))
    assert signal[0, :, 0, 1].tolist() == pytest.approx([expected] * 3, abs=1e-5)


def test_mantiuk_scales_the_response_to_contrast() -> None:
    light = torch.tensor([0.0, 0.01, 0.1, 1.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    for contrast in (0.65, 1.0):
        logs = mantiuk(light, values(contrast), values(1))[0, 0, 0, 1:].log()
        response = (logs.diff() / np.log(10)) ** 0.4185
        assert response.tolist() == pytest.approx([contrast] * 2, abs=1e-5)


@pytest.mark.parametrize("size", [(32, 32), (48, 64)])
@pytest.mark.parametrize("exponent", [1.8, 2.2])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("operator", "parameters", "theirs", "tolerance"),
    [
        (reinhard, (-1.0, 0.8, 0.2), ("Reinhard", ("intensity", "light_adapt", "color_adapt")), 2e-5),
        (reinhard, (1.0, 1.0, 0.0), ("Reinhard", ("intensity", "light_adapt", "color_adapt")), 2e-5),
        (drago, (0.7,), ("Drago", ("bias",)), 2e-5),
        (drago, (0.9,), ("Drago", ("bias",)), 2e-5),
        (mantiuk, (0.65,), ("Mantiuk", ("scale",)), 4e-3),  # OpenCV stops searching at a thousandth
        (mantiuk, (0.85,), ("Mantiuk", ("scale",)), 4e-3),
    ],
)
def test_opencv_says_the_same(
    monkeypatch: pytest.MonkeyPatch,
    operator: Callable[..., Tensor],
    parameters: tuple[float, ...],
    theirs: tuple[str, tuple[str, ...]],
    tolerance: float,
    exponent: float,
    seed: int,
    size: tuple[int, int],
) -> None:
    cv2: Any = pytest.importorskip("cv2", reason="OpenCV is only an outside witness")
    monkeypatch.setattr(tonemappers, "_luminance", lambda x: torch.einsum("nchw,c->nhw", x, BT601)[:, None])
    light = scene(seed, 64)[..., : size[0], : size[1]]
    ours = operator(light, *(values(p) for p in parameters), values(exponent))
    create, names = getattr(cv2, f"createTonemap{theirs[0]}"), theirs[1]
    witness = create(gamma=exponent, **dict(zip(names, parameters, strict=True)))
    expected = torch.from_numpy(witness.process(light[0].permute(1, 2, 0).contiguous().numpy())).permute(2, 0, 1)
    followed = (torch.einsum("nchw,c->nhw", stretched(light), BT601) > 1e-4) & expected.isfinite().all(0)
    assert followed.float().mean() > 0.9
    assert (ours[0] - expected)[:, followed[0]].abs().max() < tolerance


BT601 = values(0.299, 0.587, 0.114)
"""OpenCV's weights of grey."""


def test_random_mappings_are_within_the_published_ranges_and_of_their_seed() -> None:
    drawn, again = (random_tone_mapping(np.random.default_rng(5), 400) for _ in range(2))
    for field in dataclasses.fields(drawn):
        assert torch.equal(getattr(drawn, field.name), getattr(again, field.name))
    assert drawn.operator.bincount().min() > 60
    for name, (low, high) in RANGES.items():
        parameter, slack = getattr(drawn, name), 0.05 * (high - low)
        assert low <= parameter.min() < low + slack
        assert high - slack < parameter.max() <= high


def test_each_picture_of_a_batch_goes_its_own_way() -> None:
    mapping = random_tone_mapping(np.random.default_rng(2), 12)
    assert set(mapping.operator.tolist()) == {0, 1, 2, 3}
    light = torch.cat([scene(i, 16) for i in range(12)])
    together = tone_mapped(light, mapping)
    assert together.min() == 0 and together.max() <= 1 + 1e-6
    for i in range(12):
        one = dataclasses.replace(mapping, **{f.name: getattr(mapping, f.name)[i : i + 1] for f in FIELDS})
        assert torch.allclose(tone_mapped(light[i : i + 1], one), together[i : i + 1], atol=1e-6)


FIELDS = dataclasses.fields(tonemappers.ToneMapping)


def test_an_operator_that_is_drawn_is_the_one_that_is_applied() -> None:
    mapping = random_tone_mapping(np.random.default_rng(0), 1)
    m = dataclasses.replace(mapping, operator=torch.tensor([0]))
    light = scene(3, 16)
    expected = {
        0: percentile_exposure(light, m.low, m.high, m.exponent),
        1: reinhard(light, m.intensity, m.light_adaptation, m.colour_adaptation, m.exponent),
        2: drago(light, m.bias, m.exponent),
        3: mantiuk(light, m.contrast, m.exponent),
    }
    for number, signal in expected.items():
        one = dataclasses.replace(mapping, operator=torch.tensor([number]))
        assert torch.equal(tone_mapped(light, one), signal)

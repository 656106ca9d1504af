import pytest
import torch

from tests.datasets.conftest import scene
from tsexpand.scenes.shape import fit, is_panorama


def test_a_panorama_is_about_twice_as_wide_as_high() -> None:
    panoramas = [width for width in (100, 185, 189, 190, 200, 210, 211, 239) if is_panorama(torch.empty(3, 100, width))]
    assert panoramas == [190, 200, 210]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((32, 64), (16, 32)), ((48, 64), (24, 32)), ((64, 48), (32, 24)), ((16, 32), (16, 32)), ((1, 100), (1, 32))],
)
def test_sizes(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fit(torch.rand(3, *size), 32).shape == (3, *expected)


@pytest.mark.parametrize("width", [64, 66, 67, 90])
def test_a_panorama_has_no_seam(width: int) -> None:
    """Turning and resizing a panorama is the same in either order, where both turns are whole columns."""
    light = scene(width=width, height=width // 2).clamp_max(1)
    assert is_panorama(light)
    turned = fit(light.roll(width // 2, -1), 32)
    if width % 2 == 0:
        assert torch.allclose(turned, fit(light, 32).roll(16, -1), atol=1e-5)
    assert turned.shape[-1] == 32


def test_light_is_kept_and_not_negative() -> None:
    light = scene(width=256, height=128)
    small = fit(light, 64)
    assert float(small.mean()) == pytest.approx(float(light.mean()), rel=0.02)
    assert float(small.min()) >= 0

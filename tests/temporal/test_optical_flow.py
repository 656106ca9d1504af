from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tsexpand import cores
from tsexpand.temporal import optical_flow as module
from tsexpand.temporal.optical_flow import box_mean, enlarged, inverse_flow, optical_flow, warped


def texture(height: int, width: int) -> Tensor:
    """Soft shapes of 6, 18 and 54 pixels, PQ signal: (1, 1, height, width)."""
    generator = torch.Generator().manual_seed(4)
    whole = torch.full((1, 1, height, width), 0.4)
    for grain in (6, 18, 54):
        coarse = torch.rand(1, 1, height // grain + 2, width // grain + 2, generator=generator) - 0.5
        whole += 0.2 * interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return whole


def moved_by(right: float, down: float, height: int = 160, width: int = 224) -> tuple[Tensor, Tensor]:
    """Two views into a larger picture; what the first shows is so much further right and down in the second."""
    whole = texture(height + 40, width + 40)
    offset = torch.tensor([-right, -down], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, *whole.shape[-2:])
    inner = (..., slice(20, -20), slice(20, -20))
    return whole[inner], warped(whole, offset)[inner]


def flow_between(first: Tensor, other: Tensor) -> Tensor:
    return enlarged(optical_flow(first, other), first)


def inside(flow: Tensor, margin: int = 24) -> Tensor:
    return flow[..., margin:-margin, margin:-margin]


@pytest.mark.parametrize("motion", [(1.0, 0.0), (0.0, -2.0), (0.4, 0.7), (-5.0, 3.0), (11.0, -6.5)])
def test_a_translation_is_found(motion: tuple[float, float]) -> None:
    flow = inside(flow_between(*moved_by(*motion)))  # towards the edges what left the picture can't be found
    wrong = (flow - torch.tensor(motion).view(1, 2, 1, 1)).norm(dim=1)
    assert wrong.median() < 0.1
    assert wrong.flatten().quantile(0.95) < 0.6


def test_the_flow_leads_from_the_first_picture_to_the_other() -> None:
    first, other = moved_by(3.0, -1.5)
    assert (
        inside(warped(other, flow_between(first, other)) - first).abs().mean()
        < 0.1 * inside(other - first).abs().mean()
    )


def test_pictures_of_several_clips_do_not_influence_one_another() -> None:
    pairs = [moved_by(2, 1), moved_by(-3, 0)]
    together = optical_flow(*(torch.cat(pictures) for pictures in zip(*pairs, strict=True)))
    torch.testing.assert_close(together, torch.cat([optical_flow(*pair) for pair in pairs]), rtol=0, atol=1e-4)


def test_strips_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = moved_by(-3.0, 2.4, 161, 227)
    whole = optical_flow(*pair)
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 600)  # 8 rows of the largest pictures
    torch.testing.assert_close(optical_flow(*pair), whole, rtol=0, atol=1e-5)


def test_what_stands_still_has_no_motion_at_all() -> None:
    picture = texture(97, 131)
    assert optical_flow(picture, picture).abs().max() < 1e-5


def test_noise_on_a_flat_picture_hardly_moves() -> None:
    generator = torch.Generator().manual_seed(0)
    first, other = (0.4 + 0.002 * torch.randn(2, 1, 1, 64, 64, generator=generator)).unbind(0)
    assert optical_flow(first, other).abs().max() < 0.2


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (23, 49), (270, 480)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    flow = flow_between(torch.rand(1, 1, *size), torch.rand(1, 1, *size))
    assert flow.shape == (1, 2, *size) and flow.isfinite().all()


def test_the_way_back() -> None:
    """Along a flow and its inverse a place comes back to itself."""
    flow = interpolate(torch.randn(1, 2, 4, 5, generator=torch.Generator().manual_seed(2)), (96, 128), mode="bicubic")
    there_and_back = flow + warped(inverse_flow(flow), flow)
    assert inside(there_and_back).abs().max() < 0.15


def test_warping_by_whole_pixels_takes_pixels_and_repeats_the_edge() -> None:
    picture = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.tensor([1.0, -1.0]).view(1, 2, 1, 1).expand(1, 2, 3, 4)
    expected = torch.tensor([[1.0, 2, 3, 3], [1, 2, 3, 3], [5, 6, 7, 7]]).view(1, 1, 3, 4)
    torch.testing.assert_close(warped(picture, flow), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mean", [module._summed, module._pooled])
def test_box_mean_against_its_definition(
    mean: Callable[[Tensor, int], Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_summed", mean)  # a GPU's too
    picture = torch.rand(1, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    found = box_mean(picture, 2)
    torch.testing.assert_close(found[..., 2, 3], picture[..., 0:5, 1:6].mean((-2, -1)))
    rows, columns = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 0, 0, 1, 2])
    torch.testing.assert_close(found[..., 0, 0], picture[..., rows, :][..., columns].mean((-2, -1)))

"""What holds for every model that ships, whichever it is: the contract with the eye."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.engines.pictures import batch_of, signal_format
from tests.lettering import lettered
from tsexpand.cli.engine import DEFAULT_WEIGHTS
from tsexpand.colour.codes import Matrix, SignalRange
from tsexpand.colour.transfer import pq_inverse_eotf
from tsexpand.engines.network import NetworkEngine
from tsexpand.network.weights import load_weights, shipped_weights

WHITE = 203.0
PQ_CODE = 1 / 876  # one code of 10-bit limited range

KNOW_TITLES = ["baseRec_tuningStab_L1Loss", "fast"]
"""Models that have learned from samples with titles."""

Expand = Callable[[Tensor], Tensor]


@pytest.fixture(scope="module", params=sorted(shipped_weights()))
def expand(request: pytest.FixtureRequest) -> Expand:
    """R′G′B′ (N, 3, H, W) in [0, 1] to light in cd/m², through a shipped model."""
    engine = NetworkEngine(load_weights(request.param), torch.device("cpu"))
    rgb = signal_format(16, SignalRange.FULL, Matrix.IDENTITY)

    def expand(signal: Tensor) -> Tensor:
        codes = (signal * 65535).round().int()
        return engine.expand(batch_of(tuple(codes.unbind(1)), rgb)).light

    return expand


def picture(height: int = 96, width: int = 128) -> Tensor:
    """Soft shapes in muted colours, nowhere clipped: (1, 3, H, W)."""
    generator = torch.Generator().manual_seed(11)
    coarse = torch.rand(1, 3, 5, 6, generator=generator)
    soft = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return (0.1 + 0.5 * soft).clamp(0.02, 0.7)


def test_the_default_model_ships() -> None:
    assert DEFAULT_WEIGHTS in shipped_weights()


def test_black_stays_black(expand: Expand) -> None:
    assert expand(torch.zeros(1, 3, 64, 96)).max() < 0.001


def test_letterbox_bars_stay_black(expand: Expand) -> None:
    signal = picture()
    signal[:, :, :16] = signal[:, :, -16:] = 0
    light = expand(signal)
    assert light[:, :, :12].max() < 0.001 and light[:, :, -12:].max() < 0.001


def test_mid_tones_stay_where_the_display_puts_them(expand: Expand) -> None:
    signal = picture()
    change = pq_inverse_eotf(expand(signal)) - pq_inverse_eotf(WHITE * signal**2.4)
    assert change.abs().median() < 4 * PQ_CODE
    assert change.mean().abs() < 3 * PQ_CODE


def grey_ramp() -> Tensor:
    """(1, 3, 64, 384): black, a ramp over 256 columns from the 64th on, white."""
    return torch.linspace(-0.25, 1.25, 384).clamp(0, 1).expand(1, 3, 64, 384)


def test_greys_stay_neutral(expand: Expand) -> None:
    signal = pq_inverse_eotf(expand(grey_ramp()))
    spread = signal.amax(1) - signal.amin(1)
    assert spread.max() < 10 * PQ_CODE  # clipped white, whose colour is a guess
    assert spread[:, :, : 64 + 190].max() < 2 * PQ_CODE  # what was not near clipping


def test_a_ramp_rises(expand: Expand) -> None:
    levels = pq_inverse_eotf(expand(grey_ramp())).mean(1)[0, 32, 64:320]
    assert (levels.diff() > -PQ_CODE).all()


def test_nothing_is_darker_than_white_where_sdr_is_white(expand: Expand) -> None:
    light = expand(torch.ones(1, 3, 64, 96))
    assert light.min() > 0.9 * WHITE and light.max() < 10 * WHITE


def test_a_flat_picture_stays_flat_to_its_edges(expand: Expand) -> None:
    signal = pq_inverse_eotf(expand(torch.full((1, 3, 64, 96), 0.97)))
    assert (signal - signal[:, :, 32:33, 48:49]).abs().max() < PQ_CODE


@pytest.mark.parametrize("level", [0.3, 0.9, 0.98, 1.0])
def test_a_flat_area_has_no_lattice(expand: Expand, level: float) -> None:
    """As of networks that see blocks of pixels: it would lie over skies and windows."""
    light = pq_inverse_eotf(expand(torch.full((1, 3, 80, 96), level)))
    assert (light.amax((0, 2, 3)) - light.amin((0, 2, 3))).max() < 0.05 * PQ_CODE


@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0), (2, 2)])
def test_where_pixels_lie_in_a_grid_matters_little(expand: Expand, down: int, right: int) -> None:
    """A noisy picture that moves by pixels keeps its light: else every pan would shimmer."""
    still = picture(132, 164)
    noise = torch.randn(still.shape, generator=torch.Generator().manual_seed(3))
    noisy = (still + 2 / 255 * noise).clamp(0, 1)
    there, here = (pq_inverse_eotf(expand(signal)) for signal in (noisy, noisy[:, :, down:, right:]))
    change = (there[:, :, down:, right:] - here).abs()[..., 36:-36, 36:-36]  # nearer to an edge it is another one
    assert change.max() < 3 * PQ_CODE and change.mean() < 0.4 * PQ_CODE


GROUNDS = {
    "black": torch.zeros(1, 3, 160, 320),
    "grey": torch.full((1, 3, 160, 320), 0.4),
    "scene": picture(160, 320),
    "clipped": (picture(160, 320) * torch.linspace(1, 3, 320)).clamp_max(1),  # in its right half
}


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("size", [12, 40])
@pytest.mark.parametrize("expand", KNOW_TITLES, indirect=True)
def test_white_letters_light_up_little(expand: Expand, ground: str, size: int) -> None:
    """Letters of a real font, which they have not seen. Who knows no titles makes them 1.5 to 4 times white."""
    cover = lettered(160, 320, "White", size)
    letters = expand(GROUNDS[ground] * (1 - cover) + cover)[:, :, cover > 0.99] / WHITE
    most = 2.8 if size == 40 else 1.6 if ground == "clipped" else 1.35
    assert 0.95 < letters.mean() < most


def test_colour_as_fine_as_pixels_stays(expand: Expand) -> None:
    """Red and blue lines of one pixel, as R′G′B′ and 4:4:4 have them, are no damage."""
    levels = torch.tensor([0.7, 0.1]).repeat(80).expand(1, 132, 160)
    signal = torch.stack([levels, torch.full_like(levels, 0.1), levels.flip(-1)], dim=1)
    change = (pq_inverse_eotf(expand(signal)) - pq_inverse_eotf(WHITE * signal**2.4)).abs()
    assert change.max() < 45 * PQ_CODE and change.mean() < 8 * PQ_CODE


def test_a_glint_moves_nothing_far_from_it(expand: Expand) -> None:
    without = picture()
    with_glint = without.clone()
    with_glint[:, :, 40:42, 60:62] = 1.0
    before, after = (pq_inverse_eotf(expand(signal)) for signal in (without, with_glint))
    assert (after - before)[:, :, 40:42, 60:62].min() > 0.05
    far = torch.ones(96, 128, dtype=torch.bool)
    far[25:57, 45:77] = False
    assert (after - before).abs()[:, :, far].max() < PQ_CODE


def test_a_fade_is_monotonic(expand: Expand) -> None:
    fade = torch.cat([picture() * level for level in torch.linspace(1, 0, 12)])
    luminance = expand(fade).mean(1)
    assert (luminance.mean(dim=(1, 2)).diff() < 0).all()
    assert (pq_inverse_eotf(luminance).diff(dim=0) < PQ_CODE).all()


def test_a_static_clip_stays_static(expand: Expand) -> None:
    light = expand(picture().expand(3, -1, -1, -1))
    assert torch.equal(light[0], light[1]) and torch.equal(light[1], light[2])

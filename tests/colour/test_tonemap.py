import pytest
import torch
from torch import Tensor

from tsexpand.colour.tonemap import roll_off
from tsexpand.colour.transfer import pq_eotf, pq_inverse_eotf

PEAKS = [400.0, 600.0, 1000.0, 2000.0, 4000.0]
WHITE = 203.0


def greys(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """All of PQ: (4001,) and the same as a picture."""
    levels = pq_eotf(torch.linspace(0, 1, 4001, dtype=dtype))
    return levels, levels.expand(1, 3, 1, -1)


def knee_of(peak: float) -> float:
    top, white = pq_inverse_eotf(torch.tensor([peak, WHITE], dtype=torch.float64)).tolist()
    return float(pq_eotf(torch.tensor(max(1.5 * top - 0.5, white), dtype=torch.float64)))


@pytest.mark.parametrize("peak", PEAKS)
def test_identity_below_the_knee(peak: float) -> None:
    levels, picture = greys()
    below = levels < knee_of(peak) * (1 - 1e-9)
    assert knee_of(peak) >= WHITE * (1 - 1e-9)
    torch.testing.assert_close(roll_off(picture, peak, WHITE)[0, 0, 0][below], levels[below], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("peak", PEAKS)
def test_monotonic_and_never_above_the_peak(peak: float, dtype: torch.dtype) -> None:
    mapped = roll_off(greys(dtype)[1], peak, WHITE)[0, 0, 0]
    assert (mapped.diff() >= -1e-5 * mapped[1:]).all()
    assert mapped.max() <= peak * (1 + 1e-6)
    assert mapped.max() > 0.75 * peak


@pytest.mark.parametrize("peak", PEAKS)
def test_no_step_and_no_kink_at_the_knee(peak: float) -> None:
    signal = torch.linspace(0, 1, 4001, dtype=torch.float64)
    mapped = pq_inverse_eotf(roll_off(greys()[1], peak, WHITE)[0, 0, 0])
    slope = mapped.diff() / signal.diff()
    assert slope[10:].max() <= 1 + 1e-6
    # The steepest bend of an exponential shoulder is at the knee: 1 / (top − knee) per unit of signal.
    top = float(pq_inverse_eotf(torch.tensor(peak, dtype=torch.float64)))
    knee = float(pq_inverse_eotf(torch.tensor(knee_of(peak), dtype=torch.float64)))
    assert slope[10:].diff().abs().max() <= 1.1 / (top - knee) / 4000


@pytest.mark.parametrize("peak", PEAKS)
def test_hue_is_kept(peak: float) -> None:
    light = 9000 * torch.rand(1, 3, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mapped = roll_off(light, peak, WHITE)
    ratio = mapped / light
    torch.testing.assert_close(ratio.amax(dim=1), ratio.amin(dim=1), rtol=1e-9, atol=0)


def test_a_peak_of_all_pq_is_the_identity() -> None:
    picture = greys()[1]
    assert roll_off(picture, 10000, WHITE) is picture


def test_black_and_dtype() -> None:
    mapped = roll_off(torch.zeros(2, 3, 4, 5), 1000, WHITE)
    assert mapped.dtype == torch.float32
    assert mapped.abs().max() == 0


def test_beyond_pq_stays_below_the_peak() -> None:
    assert roll_off(torch.full((1, 3, 1, 1), 1e6), 1000, WHITE).max() <= 1000 * (1 + 1e-6)

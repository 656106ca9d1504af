import pytest
import torch

from tsexpand.colour.codes import Primaries
from tsexpand.colour.luminance import luminance, luminance_weights
from tsexpand.colour.primaries import CHROMATICITIES


@pytest.mark.parametrize(
    ("primaries", "expected"),
    [
        (Primaries.BT709, (0.2126, 0.7152, 0.0722)),  # BT.709-6, item 3.2
        (Primaries.BT2020, (0.2627, 0.6780, 0.0593)),  # BT.2020-2, table 4
        (Primaries.BT470M, (0.299, 0.587, 0.114)),  # of the same primaries, BT.601's
        (Primaries.SMPTE240M, (0.212, 0.701, 0.087)),  # SMPTE 240M
    ],
)
def test_published_weights(primaries: Primaries, expected: tuple[float, ...]) -> None:
    assert luminance_weights(primaries).tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("primaries", CHROMATICITIES)
def test_weights_add_up_to_one(primaries: Primaries) -> None:
    weights = luminance_weights(primaries)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-12)
    assert (weights > 0).all()


def test_luminance_of_a_picture() -> None:
    light = torch.zeros(2, 3, 1, 4)
    light[0, :, 0] = torch.tensor([[100.0, 0, 0, 203], [0, 100, 0, 203], [0, 0, 100, 203]])
    expected = [21.26, 71.52, 7.22, 203.0]
    found = luminance(light, Primaries.BT709)
    assert found.shape == (2, 1, 1, 4)
    assert found[0].flatten().tolist() == pytest.approx(expected, abs=0.01)
    assert found[1].abs().max() == 0

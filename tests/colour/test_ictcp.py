from types import ModuleType

import numpy as np
import pytest
import torch

from tsexpand.colour.ictcp import delta_e_itp, ictcp


def pixels(*rgb: tuple[float, float, float]) -> torch.Tensor:
    """(1, 3, 1, N), float64."""
    return torch.tensor(rgb, dtype=torch.float64).T.reshape(1, 3, 1, -1)


def test_known_values() -> None:
    light = pixels((203, 203, 203), (1000, 500, 50), (50, 1000, 100), (0, 0, 1000))
    expected = [
        (0.58068888, 0, 0),
        (0.6964179173, -0.2462821202, 0.1362752098),
        (0.7030601322, -0.3232635352, -0.1190347853),
        (0.4920783932, 0.285660595, -0.2755110282),
    ]
    assert torch.allclose(ictcp(light), pixels(*expected), atol=1e-8)


def test_known_differences() -> None:
    first, second = pixels((203, 203, 203), (1000, 1000, 1000)), pixels((210, 203, 203), (1010, 1010, 1010))
    assert delta_e_itp(first, second).flatten().tolist() == pytest.approx([2.91431747, 0.780996], abs=1e-6)


def test_agrees_with_colour_science(oracle: ModuleType) -> None:
    generator = torch.Generator().manual_seed(2)
    exponents = torch.rand(2, 1, 3, 20, 20, generator=generator, dtype=torch.float64) * 6 - 2
    first, second = 10**exponents
    rows = [light[0].permute(1, 2, 0).numpy() for light in (first, second)]
    theirs = [oracle.RGB_to_ICtCp(row, method="ITU-R BT.2100-2 PQ") for row in rows]
    expected = oracle.difference.delta_E_ITP(*theirs)
    assert np.allclose(delta_e_itp(first, second)[0, 0], expected, atol=1e-6)
    rounded = delta_e_itp(first.float(), second.float())[0, 0].double().numpy()
    assert np.abs(rounded - expected).max() < 0.1
    assert rounded.mean() == pytest.approx(expected.mean(), abs=1e-3)
    assert not delta_e_itp(first, first).any()

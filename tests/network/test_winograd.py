import pytest
import torch

from tsexpand.network import winograd
from tsexpand.network.methods import WINOGRAD
from tsexpand.network.winograd import FullResolution

from .models import random_network, random_part


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_strips_change_nothing(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    network, signal = random_network(), random_part(WINOGRAD, 48, 24)
    code = network.global_features(signal)
    whole = FullResolution()(signal, code, WINOGRAD.kernels(network, dtype))
    monkeypatch.setattr(winograd, "_STRIP", 1 << 18)
    products: list[torch.Size] = []
    bmm = torch.bmm
    monkeypatch.setattr(torch, "bmm", lambda a, b: (products.append(a.shape), bmm(a, b))[1])
    assert torch.equal(FullResolution()(signal, code, WINOGRAD.kernels(network, dtype)), whole)
    assert len(products) > 12  # of four layers

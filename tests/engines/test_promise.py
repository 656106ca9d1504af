from functools import partial

import pytest
import torch
from torch import Tensor

from tests.compiled_code import code_of, needs_compiler
from tests.network.models import random_network
from tsexpand.engines.artefacts import CompiledNetwork, NetworkArtefact
from tsexpand.engines.devices import Precision
from tsexpand.engines.network import NetworkEngine
from tsexpand.engines.promise import Difference, difference
from tsexpand.network import kernels, methods
from tsexpand.network.architectures import Network
from tsexpand.network.expandnet import ExpandNet
from tsexpand.network.output import Parametrisation
from tsexpand.network.tiling import Edges, TakeTile, TiledNetwork, logit_tiles
from tsexpand.network.weights import Weights, load_weights, shipped_weights

CPU = torch.device("cpu")

COMPILED = [name for name in shipped_weights() if isinstance(load_weights(name).network, ExpandNet)]
"""Shipped weights that there is compiled code for."""


@pytest.fixture(autouse=True)
def bfloat16_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})


def engine_of(network: ExpandNet, precision: Precision = Precision.AUTO) -> NetworkEngine:
    return NetworkEngine(Weights(network, Parametrisation.ABSOLUTE, "test", "", {}), CPU, precision)


def loud(factor: float) -> ExpandNet:
    """A network whose output, and with it its roundings, is so many times as large."""
    network = random_network()
    network.end_net[1].weight.mul_(factor)
    return network


def test_weights_that_keep_the_promise_run_in_bfloat16() -> None:
    engine = engine_of(loud(0.1))
    assert "bfloat16" in engine.description and not engine.notices


def test_weights_that_break_the_promise_run_in_float32_and_say_so() -> None:
    engine = engine_of(loud(30))
    assert "float32" in engine.description
    assert engine.notices[0].startswith("test runs in float32, as bfloat16 would be within ")


def test_what_is_asked_for_by_name_is_what_runs() -> None:
    engine = engine_of(loud(30), Precision.BFLOAT16)
    assert "bfloat16" in engine.description and not engine.notices


def tiled(network: ExpandNet) -> TiledNetwork:
    def run(signal: Tensor, take: TakeTile) -> None:
        logit_tiles(network, signal, 64, Edges.ZERO, take)

    return run


def test_a_difference_is_of_light() -> None:
    network = random_network()
    exact = tiled(network)
    same = difference(exact, exact, Parametrisation.ABSOLUTE, CPU)
    assert same.psnr > 130 and same.steps == 0
    louder = loud(1.01)
    other = tiled(louder)
    found = difference(other, exact, Parametrisation.ABSOLUTE, CPU)
    assert 0 < found.psnr < 100 and found.steps > 0
    assert Difference(50.0, 0.5).is_invisible
    assert not Difference(49.9, 0.0).is_invisible and not Difference(99.0, 0.6).is_invisible


def found_in_bfloat16(name: str) -> Difference:
    """Of what is compiled against float32."""
    weights = load_weights(name)
    assert isinstance(weights.network, ExpandNet)
    exact, quick = (
        partial(CompiledNetwork(code_of(artefact), artefact, weights.network).tiled, (96, 128))
        for artefact in (NetworkArtefact(torch.float32), NetworkArtefact(torch.bfloat16))
    )
    with torch.inference_mode():
        return difference(quick, exact, weights.parametrisation, CPU)


@needs_compiler
@pytest.mark.parametrize("name", COMPILED)
def test_shipped_weights_keep_it_in_bfloat16_by_far(name: str) -> None:
    found = found_in_bfloat16(name)
    assert found.psnr > 67 and found.steps < 0.33


@pytest.mark.parametrize("name", sorted(set(shipped_weights()) - set(COMPILED)))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_so_do_those_that_are_not_compiled(name: str, dtype: torch.dtype) -> None:
    weights = load_weights(name)
    network = weights.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stub
    exact, quick = (partial(_by_layers, network, kind) for kind in (torch.float32, dtype))
    with torch.inference_mode():
        found = difference(quick, exact, weights.parametrisation, CPU)
    assert found.is_invisible, found


def _by_layers(network: Network, dtype: torch.dtype, signal: Tensor, take: TakeTile) -> None:
    logit_tiles(network, signal, 64, Edges.HELD, take, dtype)


@needs_compiler
@pytest.mark.parametrize("name", COMPILED)
def test_the_convolutions_as_they_are_keep_it_by_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "multiplies_matrices", lambda: True)
    found = found_in_bfloat16(name)
    assert found.psnr > 71 and found.steps < 0.33


@needs_compiler
@pytest.mark.parametrize("name", COMPILED)
def test_features_about_their_averages_round_less(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_in_bfloat16(name)
    averages = kernels._averages
    monkeypatch.setattr(kernels, "_averages", lambda layers: [torch.zeros_like(one) for one in averages(layers)])
    assert found_in_bfloat16(name).psnr < found.psnr - 1

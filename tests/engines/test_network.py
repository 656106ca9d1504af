import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.machines import of_cores
from tests.network.models import random_network, random_weights, zero_network
from tsexpand.colour.signal import SignalFormat
from tsexpand.compiled import Compilation
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.engines.devices import Precision
from tsexpand.engines.display import display_signal
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import DeviceError
from tsexpand.network import output
from tsexpand.network.architectures import Architecture, Network
from tsexpand.network.expandnet import ExpandNet
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights

from .pictures import FULL, flat, frame_of, grey, noise, signal_format

CPU = torch.device("cpu")
ABSOLUTE, RELATIVE = Parametrisation.ABSOLUTE, Parametrisation.RELATIVE


def engine_of(
    network: Network,
    parametrisation: Parametrisation = ABSOLUTE,
    precision: Precision = Precision.FLOAT32,
    tile: int | None = None,
    reference_white: float = 203.0,
) -> NetworkEngine:
    return NetworkEngine(Weights(network, parametrisation, "test", "", {}), CPU, precision, tile, reference_white)


class SmallMemory(ExpandNet):
    """Runs out of memory on parts of more than `limit` pixels."""

    limit = 0

    def expand(self, signal: Tensor, global_features: Tensor, padded: bool = True) -> Tensor:
        if signal[0, 0].numel() > self.limit:
            raise torch.OutOfMemoryError("tried to allocate too much")
        return super().expand(signal, global_features, padded)


def small_memory(limit: int) -> SmallMemory:
    network = SmallMemory().eval()
    network.load_state_dict(random_network().state_dict())
    network.limit = limit
    return network


@pytest.mark.parametrize(
    ("codes", "signal"), [((235, 128, 128), signal_format()), ((1023, 512, 512), signal_format(10, FULL))]
)
def test_without_a_contribution_of_the_network_the_picture_is_the_analytic_one(
    codes: tuple[int, ...], signal: SignalFormat
) -> None:
    light = engine_of(zero_network()).expand(flat(codes, signal)).light
    torch.testing.assert_close(light, torch.full((1, 3, 6, 8), 203.0), atol=0.5, rtol=0)


def test_absolute_light_follows_the_reference_white() -> None:
    batch = noise(1, 20, 24)
    expected = AnalyticEngine(CPU, 100.0).expand(batch).light
    result = engine_of(zero_network(), reference_white=100.0).expand(batch)
    torch.testing.assert_close(result.light, expected, rtol=1e-3, atol=1e-4)
    assert result.gains is None


@pytest.mark.parametrize("parametrisation", Parametrisation)
def test_tile_size_and_batch_size_change_nothing(parametrisation: Parametrisation) -> None:
    batch = noise(2, 41, 50)
    light = engine_of(random_network(), parametrisation, tile=64).expand(batch).light
    engine = engine_of(random_network(), parametrisation, tile=17)
    alone = torch.cat([engine.expand(frame_of(batch, i)).light for i in range(2)])
    # PQ in float32 is good to 1e-4 of the light, 0.01 of a 10-bit step.
    torch.testing.assert_close(light, alone, rtol=1e-4, atol=1e-6)


def test_the_caller_s_network_stays_as_it_is() -> None:
    network = zero_network().to(memory_format=torch.contiguous_format)
    before = network.local_net[0][0].weight.stride()
    engine_of(network)
    assert network.local_net[0][0].weight.stride() == before


@pytest.mark.parametrize(("reference_white", "exposure"), [(203.0, 0.5), (100.0, 0.5), (203.0, 0.02)])
def test_gains_bring_relative_light_to_the_display_s(reference_white: float, exposure: float) -> None:
    network = zero_network()
    network.end_net[1].bias.fill_(math.log(exposure / (1 - exposure)))
    levels = torch.full((3, 16, 16), 0.5)
    levels[1] = 0.0  # nothing is well exposed
    levels[2, :8] = 1.0  # one half is clipped
    result = engine_of(network, RELATIVE, reference_white=reference_white).expand(grey(levels))
    assert result.light.mean() == pytest.approx(exposure, rel=1e-5)
    assert result.gains is not None
    gain = math.log2(reference_white * 0.5**2.4 / exposure)
    expected = torch.tensor([[gain, 1.0], [0.0, 0.0], [gain, 0.5]])
    torch.testing.assert_close(result.gains, expected, atol=1e-3, rtol=0)


def test_gains_ignore_what_the_network_leaves_black() -> None:
    network = zero_network()
    network.end_net[1].bias.fill_(-20)
    gains = engine_of(network, RELATIVE).expand(grey(torch.full((1, 8, 8), 0.5))).gains
    assert gains is not None
    assert gains.tolist() == [[0, 0]]


@pytest.mark.parametrize(("precision", "error"), [(Precision.BFLOAT16, 0.02), (Precision.FLOAT16, 0.004)])
def test_lower_precision_is_close_and_ends_in_float32(precision: Precision, error: float) -> None:
    batch = noise(1, 16, 16)
    exact = engine_of(random_network(), RELATIVE).expand(batch).light
    result = engine_of(random_network(), RELATIVE, precision).expand(batch)
    assert result.light.dtype == torch.float32
    assert 0 < (result.light - exact).abs().max() < error
    assert precision.value in engine_of(random_network(), RELATIVE, precision).description


def test_out_of_memory_halves_the_tile_and_loses_no_frame() -> None:
    engine = engine_of(small_memory(4500), tile=256)
    batch = noise(2, 150, 40)
    with of_cores(1):  # on several a frame is cut in smaller tiles anyway
        light = engine.expand(batch).light
    assert engine.description == "test on cpu, float32, tiles of 64"
    assert engine.notices == ("cpu was short of memory: 1 frame at once, tiles of 64 at most",)
    expected = engine_of(random_network(), tile=64).expand(batch).light
    torch.testing.assert_close(light, expected, rtol=1e-4, atol=1e-6)


def test_out_of_memory_first_takes_fewer_frames_at_once() -> None:
    """As on a GPU, which takes a whole batch."""

    class OneAtATime(SmallMemory):
        def expand(self, signal: Tensor, global_features: Tensor, padded: bool = True) -> Tensor:
            if len(signal) > 1:
                raise torch.OutOfMemoryError("tried to allocate too much")
            return ExpandNet.expand(self, signal, global_features, padded)

    network = OneAtATime().eval()
    network.load_state_dict(random_network().state_dict())
    engine = engine_of(network)
    engine._portion = 8
    batch = noise(5, 20, 24)
    light = engine.expand(batch).light
    assert engine.notices == ("cpu was short of memory: 1 frame at once, tiles of 192 at most",)
    assert torch.equal(light, engine_of(random_network()).expand(batch).light)


def test_out_of_memory_at_the_smallest_tile_is_an_error() -> None:
    engine = engine_of(small_memory(100), tile=100)
    with pytest.raises(DeviceError, match="out of memory even for one frame in tiles of 64"):
        engine.expand(noise(1, 20, 24))


def test_it_says_what_runs() -> None:
    assert engine_of(zero_network()).description == "test on cpu, float32, tiles of 192"


def test_the_compact_network_gives_the_light_of_its_logits() -> None:
    network, batch = random_weights(Architecture.COMPACT), noise(2, 70, 90)
    engine = engine_of(network)
    light = engine.expand(batch).light
    engine.expect(90, 70, 1e9)
    assert torch.equal(engine_of(network, tile=64).expand(batch).light, light)
    assert torch.equal(engine.expand(batch).light, light)
    signal = display_signal(batch, CPU)
    held = F.pad(signal, (network.halo,) * 4, mode="replicate")
    logits = network.expand(held, network.global_features(signal), padded=False)
    torch.testing.assert_close(light, output.light(logits, signal, ABSOLUTE), rtol=1e-3, atol=1e-3)


def test_there_is_no_compiled_code_of_the_compact_network() -> None:
    """What the user said holds for other stages."""
    weights = Weights(random_weights(Architecture.COMPACT), ABSOLUTE, "test", "", {})
    for compilation in Compilation:
        engine = NetworkEngine(weights, CPU, Precision.FLOAT32, compilation=compilation)
        engine.expect(1920, 1080, 1e9)
        assert engine.setup.compiled is None and engine.compilation is compilation
        assert "compiled" not in engine.description
        told = [
            notice for notice in engine.notices if "test runs uncompiled: only weights of ExpandNet for abs" in notice
        ]
        assert len(told) == len(engine.notices) == (compilation is Compilation.ALWAYS)

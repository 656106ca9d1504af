import threading
from dataclasses import replace

import pytest
import torch

from tests.network.models import random_network
from tsexpand.engines import Setup
from tsexpand.engines.devices import Precision
from tsexpand.engines.fleet import Fleet
from tsexpand.engines.network import NetworkEngine
from tsexpand.errors import DeviceError
from tsexpand.frames import LightBatch, SignalBatch
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights

from .pictures import numbered

CPU = torch.device("cpu")


WEIGHTS = Weights(random_network(), Parametrisation.ABSOLUTE, "test", "", {})


def engine() -> NetworkEngine:
    return NetworkEngine(WEIGHTS, CPU, Precision.BFLOAT16, 16)


class Slow(NetworkEngine):
    """Waits for the other engine to be done with what came later."""

    def __init__(self, later: threading.Event) -> None:
        super().__init__(WEIGHTS, CPU, Precision.BFLOAT16, 16)
        self._later = later

    def expand(self, batch: SignalBatch) -> LightBatch:
        assert self._later.wait(10)
        return super().expand(batch)


class Telling(NetworkEngine):
    """Tells when it is done."""

    def __init__(self, done: threading.Event) -> None:
        super().__init__(WEIGHTS, CPU, Precision.BFLOAT16, 16)
        self._done = done

    def expand(self, batch: SignalBatch) -> LightBatch:
        light = super().expand(batch)
        self._done.set()
        return light


@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_picture_and_the_order_are_those_of_one_engine(count: int) -> None:
    alone = list(engine().stream(numbered(count)))
    event = threading.Event()
    shared = list(Fleet([Slow(event), Telling(event)]).stream(numbered(count))) if count != 1 else list(
        Fleet([engine(), engine()]).stream(numbered(count))
    )  # fmt: skip
    assert [b.timings for b in shared] == [b.timings for b in alone]
    assert [b.packets for b in shared] == [b.packets for b in alone]
    assert all(torch.equal(a.light, b.light) for a, b in zip(shared, alone, strict=True))


def test_an_error_comes_where_its_batch_would() -> None:
    class Broken(NetworkEngine):
        def expand(self, batch: SignalBatch) -> LightBatch:
            raise DeviceError("cuda:1: gone")

    stream = Fleet([engine(), Broken(WEIGHTS, CPU)]).stream(numbered(6))
    assert next(stream).packets == (0,)
    with pytest.raises(DeviceError, match="cuda:1: gone"):
        next(stream)
    assert not [t for t in threading.enumerate() if t.name.startswith("tsexpand-device")]


def test_it_says_what_runs() -> None:
    fleet = Fleet([engine(), engine()])
    assert fleet.description == "test on cpu, bfloat16, tiles of 16; test on cpu, bfloat16, tiles of 16"
    assert fleet.device == CPU and fleet.notices == ()
    with pytest.raises(ValueError, match="no engines"):
        Fleet([])


def test_a_record_names_all_devices_and_what_is_alike_once() -> None:
    weights = replace(WEIGHTS, sha256="ab" * 32)
    fleet = Fleet([NetworkEngine(weights, CPU, Precision.BFLOAT16, 16) for _ in range(2)])
    assert fleet.setup == Setup("cpu,cpu", "bfloat16", False, "test", "ab" * 32)

import threading
from collections.abc import Iterator

import pytest
import torch

from tests.network.models import random_network
from tsexpand.engines.devices import Precision
from tsexpand.engines.network import NetworkEngine
from tsexpand.engines.turns import AHEAD
from tsexpand.errors import DeviceError
from tsexpand.frames import LightBatch, SignalBatch
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights

from .pictures import frame_of, noise

WEIGHTS = Weights(random_network(), Parametrisation.ABSOLUTE, "test", "", {})


class Engine(NetworkEngine):
    """On the CPU; tells what it begins and where, and may fail at a batch."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__(WEIGHTS, torch.device("cpu"), Precision.FLOAT32, 16)
        self.begun: list[str] = []
        self.second_began = threading.Event()
        self._fails_at = fails_at

    def expand(self, batch: SignalBatch) -> LightBatch:
        self.begun.append(threading.current_thread().name)
        if len(self.begun) == 2:
            self.second_began.set()
        if len(self.begun) - 1 == self._fails_at:
            raise DeviceError("cpu: gone")
        return super().expand(batch)


def batches(count: int) -> Iterator[SignalBatch]:
    pictures = noise(count, 20, 24)
    for i in range(count):
        yield frame_of(pictures, i)


def device_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("tsexpand-device")]


def test_on_the_cpu_the_next_batch_is_worked_on_while_one_is_looked_at() -> None:
    engine = Engine()
    stream = engine.stream(batches(5))
    next(stream)
    assert engine.second_began.wait(10)
    assert len(engine.begun) <= AHEAD and threading.current_thread().name not in engine.begun
    assert len(list(stream)) == 4 and not device_threads()


def test_light_is_that_of_batches_one_by_one() -> None:
    engine = Engine()
    for ahead, alone in zip(engine.stream(batches(4)), map(engine.expand, batches(4)), strict=True):
        assert torch.equal(ahead.light, alone.light) and ahead.timings == alone.timings


def test_left_early_it_ends_its_thread() -> None:
    taken = 0

    def counted() -> Iterator[SignalBatch]:
        nonlocal taken
        for batch in batches(20):
            taken += 1
            yield batch

    stream = Engine().stream(counted())
    next(stream)
    assert taken == AHEAD
    stream.close()
    assert not device_threads()


def test_an_error_comes_where_its_batch_would() -> None:
    stream = Engine(fails_at=1).stream(batches(6))
    next(stream)
    with pytest.raises(DeviceError, match="cpu: gone"):
        next(stream)
    assert not device_threads()


def test_an_error_of_the_source_ends_the_thread() -> None:
    def broken() -> Iterator[SignalBatch]:
        yield from batches(1)
        raise DeviceError("source: gone")

    with pytest.raises(DeviceError, match="source: gone"):
        list(Engine().stream(broken()))
    assert not device_threads()

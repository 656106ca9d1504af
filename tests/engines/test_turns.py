import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.network.models import random_network
from tsexpand.cores import workers
from tsexpand.engines import network
from tsexpand.engines.devices import Precision
from tsexpand.engines.fleet import Fleet
from tsexpand.engines.network import NetworkEngine
from tsexpand.engines.turns import AHEAD
from tsexpand.errors import DeviceError
from tsexpand.frames import LightBatch, SignalBatch
from tsexpand.network.output import Parametrisation
from tsexpand.network.tiling import Tile, put
from tsexpand.network.weights import Weights

from .pictures import numbered

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


def device_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("tsexpand-device")]


def test_on_the_cpu_the_next_batch_is_worked_on_while_one_is_looked_at() -> None:
    engine = Engine()
    stream = engine.stream(numbered(5))
    next(stream)
    assert engine.second_began.wait(10)
    assert len(engine.begun) <= AHEAD and threading.current_thread().name not in engine.begun
    assert len(list(stream)) == 4 and not device_threads()


def test_light_is_that_of_batches_one_by_one() -> None:
    streamed, one_by_one = list(Engine().stream(numbered(4))), list(map(Engine().expand, numbered(4)))
    for ahead, alone in zip(streamed, one_by_one, strict=True):
        assert (
            torch.equal(ahead.light, alone.light) and ahead.timings == alone.timings and ahead.packets == alone.packets
        )


@pytest.mark.parametrize("devices", [1, 2])
def test_few_batches_are_taken_ahead_and_left_early_it_ends_its_threads(devices: int) -> None:
    taken = 0

    def counted() -> Iterator[SignalBatch]:
        nonlocal taken
        for batch in numbered(20):
            taken += 1
            yield batch

    engine = Engine() if devices == 1 else Fleet([Engine() for _ in range(devices)])
    stream = engine.stream(counted())
    next(stream)
    assert taken == devices * AHEAD
    stream.close()
    assert not device_threads()


def test_an_error_comes_where_its_batch_would() -> None:
    stream = Engine(fails_at=1).stream(numbered(6))
    next(stream)
    with pytest.raises(DeviceError, match="cpu: gone"):
        next(stream)
    assert not device_threads()


def test_an_error_of_the_source_ends_the_thread() -> None:
    def broken() -> Iterator[SignalBatch]:
        yield from numbered(1)
        raise DeviceError("source: gone")

    with pytest.raises(DeviceError, match="source: gone"):
        list(Engine().stream(broken()))
    assert not device_threads()


def test_what_is_worked_on_when_it_is_left_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not so the light of whoever asks for some later."""

    class Left(Engine):
        left = threading.Event()

        def _leave(self) -> None:
            super()._leave()
            self.left.set()

    engine, tiles_of_second = Left(), 0

    def waiting(tile: Tile, pixels: Tensor, frames: Tensor) -> None:
        nonlocal tiles_of_second
        if engine.second_began.is_set():
            tiles_of_second += 1
            assert engine.left.wait(10)
        put(tile, pixels, frames)

    monkeypatch.setattr(network, "put", waiting)
    stream = engine.stream(numbered(3, 64, 640))
    next(stream)
    assert engine.second_began.wait(10)
    stream.close()
    assert tiles_of_second <= workers().count and not device_threads()
    assert len(list(engine.stream(numbered(2)))) == 2


def test_pytorch_has_its_threads_again() -> None:
    before = torch.get_num_threads()
    list(Engine().stream(numbered(3)))
    stream = Engine().stream(numbered(3))
    next(stream)
    stream.close()
    assert torch.get_num_threads() == before

"""Recordings of a GPU's work, as far as a CPU can tell: a stand-in runs again what was recorded."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from itertools import count

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.engines.pictures import FULL, batch_of, noise, signal_format
from tests.temporal.clips import clip, picture
from tsexpand import replay
from tsexpand.codecs.exr import ExrPrimaries
from tsexpand.colour.codes import Matrix, Transfer
from tsexpand.colour.tonemap import roll_off
from tsexpand.engines.display import display_signal
from tsexpand.frames import LightBatch, SignalBatch
from tsexpand.replay import replayed
from tsexpand.sinks.exr import scene_light


class Recorded:
    """A recording that runs its function again."""

    made = 0

    def __init__(
        self, function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], stream: object, pool: object
    ) -> None:
        Recorded.made += 1
        self._function = function
        self.stream, self.pool = stream, pool

    def replay(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(-result for result in self._function(*inputs))  # which shows that it was replayed


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> replay._Recordings:
    monkeypatch.setattr(replay, "_Recording", Recorded)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    pools = count()
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, next(pools)))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: f"stream on {device}")
    monkeypatch.setattr(replay, "free_memory", lambda device: 1000)
    Recorded.made = 0
    return replay._Recordings()


def twice(tensor: Tensor) -> tuple[Tensor, ...]:
    return (2 * tensor,)


def test_on_the_cpu_a_function_is_called() -> None:
    tensor = torch.ones(3)
    for _ in range(5):
        assert replayed("key", lambda given: (given,), tensor)[0] is tensor


def test_from_the_third_call_on_it_is_replayed(recordings: replay._Recordings) -> None:
    found = [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(5)]
    assert found == [2, 2, -2, -2, -2] and Recorded.made == 1


def test_the_recordings_that_were_used_last_are_kept(recordings: replay._Recordings) -> None:
    for key in range(20):
        for _ in range(3):
            recordings.run(key, twice, (torch.ones(1),))
    assert Recorded.made == 20
    assert sum(isinstance(found, Recorded) for found in recordings._known.values()) == replay._MOST
    recordings.run(19, twice, (torch.ones(1),))
    assert Recorded.made == 20


def test_what_is_seldom_is_forgotten(recordings: replay._Recordings) -> None:
    for key in range(1000):
        recordings.run(key, twice, (torch.ones(1),))
    assert len(recordings._known) <= 8 * replay._MOST and not Recorded.made


def test_where_little_memory_is_left_nothing_is_recorded(
    recordings: replay._Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "free_memory", lambda device: 63)
    found = [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(6)]
    assert found == [2] * 6 and not Recorded.made


def test_recordings_share_a_pool_while_there_are_any(
    recordings: replay._Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's assertions end a process that records into one whose recordings are gone."""
    monkeypatch.setattr(replay, "_MOST", 1)
    for key in "ab":
        for _ in range(3):
            recordings.run(key, twice, (torch.ones(1),))
    (left,) = (found for found in recordings._known.values() if isinstance(found, Recorded))
    assert left.pool == (0, 0) and left.stream == "stream on cpu"
    recordings._known.clear()
    for _ in range(3):
        recordings.run("c", twice, (torch.ones(1),))
    (new,) = (found for found in recordings._known.values() if isinstance(found, Recorded))
    assert new.pool == (0, 1)


def test_once_given_up_nothing_is_recorded_any_more(recordings: replay._Recordings) -> None:
    for _ in range(4):
        recordings.run("key", twice, (torch.ones(1),))
    assert recordings.give_up() and not recordings.give_up()
    assert [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(4)] == [2] * 4


def test_where_nothing_was_recorded_nothing_is_given_up(recordings: replay._Recordings) -> None:
    assert not recordings.give_up()
    assert [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(3)] == [2, 2, -2]


def test_recordings_are_given_up_for_what_needs_their_memory(recordings: replay._Recordings) -> None:
    for _ in range(4):
        recordings.run("key", twice, (torch.ones(1),))

    def large(tensor: Tensor) -> tuple[Tensor, ...]:
        if recordings._known:
            raise torch.OutOfMemoryError("no memory for it")
        return (3 * tensor,)

    assert float(recordings.run("large", large, (torch.ones(1),))[0]) == 3


def test_what_needs_more_memory_than_there_is_fails(recordings: replay._Recordings) -> None:
    def large(tensor: Tensor) -> tuple[Tensor, ...]:
        raise torch.OutOfMemoryError("no memory for it")

    with pytest.raises(torch.OutOfMemoryError, match="no memory for it"):
        recordings.run("large", large, (torch.ones(1),))


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("none left"), RuntimeError("CUDA error: out of memory")])
def test_without_memory_for_a_recording_it_is_called(
    recordings: replay._Recordings, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    tried = []

    class NoneLeft:
        def __init__(self, *arguments: object) -> None:
            tried.append(arguments)
            raise error

    monkeypatch.setattr(replay, "_Recording", NoneLeft)
    found = [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(6)]
    assert found == [2] * 6 and len(tried) == 1


def test_another_error_of_a_recording_is_one(recordings: replay._Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def __init__(self, *arguments: object) -> None:
            raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(replay, "_Recording", Refused)
    with pytest.raises(RuntimeError, match="not permitted"):
        for _ in range(3):
            recordings.run("key", twice, (torch.ones(1),))


ELSEWHERE = torch.device("meta")
"""A device from which nothing can be read, as from a GPU while its work is recorded."""


class NoCopies(TorchDispatchMode):
    """Refuses operations on tensors of several devices: a copy would not be in a recording."""

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        devices = {leaf.device for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)}
        assert len(devices) < 2, f"{func} on {devices}"
        return result


def srgb(count: int) -> SignalBatch:
    codes = torch.randint(0, 256, (count, 16, 24), dtype=torch.int32)
    return batch_of((codes,) * 3, signal_format(8, FULL, Matrix.IDENTITY, Transfer.SRGB))


def shown(batch: SignalBatch) -> Callable[[], object]:
    there = replace(batch, planes=tuple(plane.to(ELSEWHERE) for plane in batch.planes))
    return lambda: display_signal(there, ELSEWHERE)


def of_light(function: Callable[[LightBatch], object], alpha: Tensor | None = None) -> Callable[[], object]:
    still = clip(picture(3).unsqueeze(0))
    there = replace(still, light=still.light.to(ELSEWHERE), alpha=alpha)
    return lambda: function(there)


WORK = {
    "4:2:0": shown(noise(2, 16, 24)),
    "4:1:0 of 10 bit": shown(noise(2, 17, 25, factors=(4, 4), bits=10)),
    "sRGB": shown(srgb(2)),
    "roll-off": of_light(lambda batch: roll_off(batch.light, 1000, 203)),
    "scene light": of_light(lambda batch: scene_light(batch, ExrPrimaries.ACES, 203)),
    "opacity": of_light(
        lambda batch: scene_light(batch, ExrPrimaries.BT709, 203),
        alpha=torch.rand(1, *picture(3).shape[1:]).to(ELSEWHERE),
    ),
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_what_is_recorded_waits_for_nothing(work: Callable[[], object]) -> None:
    work()  # constants are there by the time when it is recorded
    with NoCopies():
        work()


def test_a_copy_would_be_seen() -> None:
    with pytest.raises(AssertionError, match="meta"), NoCopies():
        torch.ones(3).to(ELSEWHERE)
    with pytest.raises(RuntimeError, match="meta"), NoCopies():
        torch.ones(3, device=ELSEWHERE).sum().item()


def test_of_no_pixels_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        device, shape = torch.device("cuda:0"), (0, 3, 4, 4)

        def numel(self) -> int:
            return 0

    monkeypatch.setattr(replay._of_thread, "run", lambda *given: pytest.fail("recorded"))
    nothing = Nothing()
    assert replayed("key", lambda given: (given,), nothing) == (nothing,)  # type: ignore[arg-type,return-value]

"""Recordings of a GPU's work, as far as a CPU can tell: a stand-in runs again what was recorded."""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import count

import pytest
import torch
from torch import Tensor

from tsexpand import replay
from tsexpand.replay import replayed


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

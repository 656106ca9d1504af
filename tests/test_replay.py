"""Recordings of a GPU's work, as far as a CPU can tell: a stand-in runs again what was recorded."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from tsexpand import replay
from tsexpand.replay import replayed


class Recorded:
    """A recording that runs its function again."""

    made = 0

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], inputs: tuple[Tensor, ...], pool: object) -> None:
        Recorded.made += 1
        self._function = function

    def replay(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(-result for result in self._function(*inputs))  # which shows that it was replayed


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> replay._Recordings:
    monkeypatch.setattr(replay, "_Recording", Recorded)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
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


def test_what_was_recorded_can_be_forgotten(recordings: replay._Recordings) -> None:
    for _ in range(4):
        recordings.run("key", twice, (torch.ones(1),))
    recordings.forget()
    assert [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(3)] == [2, 2, -2]


def test_without_memory_for_a_recording_it_is_called(
    recordings: replay._Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def none_left(function: object, inputs: object, pool: object) -> None:
        tried.append(function)
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(replay, "_Recording", none_left)
    monkeypatch.setattr(replay._Recordings, "_forget", lambda self: None)
    found = [float(recordings.run("key", twice, (torch.ones(1),))[0]) for _ in range(6)]
    assert found == [2] * 6 and len(tried) == 1

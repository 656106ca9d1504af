import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from tsexpand import cores
from tsexpand.cores import Workers, by_strips, filled, give_way, one_core, run, strips, usable


@pytest.fixture
def three_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def workers(three_cores: None) -> Workers:
    return Workers()


def test_each_works_on_one_core_and_the_others_as_before(workers: Workers) -> None:
    seen: dict[str, int] = {}
    at_once = threading.Barrier(3)

    def look() -> None:
        at_once.wait(10)  # each of the three has one of these
        seen[threading.current_thread().name] = torch.get_num_threads()
        assert torch.is_inference_mode_enabled()

    workers.run([look] * 3)
    assert workers.count == 3 and list(seen.values()) == [1, 1, 1]
    late: list[int] = []
    thread = threading.Thread(target=lambda: late.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert torch.get_num_threads() == 3 and late == [3]


def test_few_tasks_are_taken_ahead(workers: Workers) -> None:
    done = 0
    lock = threading.Lock()

    def task() -> None:
        nonlocal done
        time.sleep(0.001)
        with lock:
            done += 1

    def tasks() -> Iterator[Callable[[], None]]:
        for number in range(50):
            with lock:
                assert number - done <= 2 * workers.count
            yield task

    workers.run(tasks())
    assert done == 50


def test_an_error_of_a_task_is_raised_when_no_other_runs_any_more(workers: Workers) -> None:
    running = 0
    lock = threading.Lock()

    def slow() -> None:
        nonlocal running
        with lock:
            running += 1
        time.sleep(0.05)
        with lock:
            running -= 1

    def failing() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        workers.run([slow, failing, slow, slow, slow, slow])
    assert running == 0
    workers.run([slow])  # and goes on


def test_an_error_of_what_gives_the_tasks_is_raised_too(workers: Workers) -> None:
    def tasks() -> Iterator[Callable[[], None]]:
        yield lambda: None
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        workers.run(tasks())


def test_an_interruption_is_raised_when_no_task_runs_any_more(workers: Workers) -> None:
    """As by Ctrl-C, which comes while a task is waited for."""
    running = threading.Event()
    done: list[int] = []

    def slow() -> None:
        running.set()
        time.sleep(0.1)
        done.append(1)

    def tasks() -> Iterator[Callable[[], None]]:
        yield slow
        running.wait(10)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.run(tasks())
    assert done == [1]


def test_tasks_of_another_device_run_here_in_order_in_inference_mode() -> None:
    """As on a GPU: what was made in inference mode may be changed in place, and only there."""
    light = torch.ones(3)
    with torch.inference_mode():
        made = light * 2
    seen: list[float] = []

    def change() -> None:
        made.add_(1)
        seen.append(float(made[0]))

    run([change, change], torch.device("meta"))
    assert seen == [3.0, 4.0]


def threads_of_a_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_one_core_ends_with_the_last_of_those_who_asked_for_it(three_cores: None) -> None:
    began, leave, ended = threading.Event(), threading.Event(), threading.Event()
    after: list[int] = []

    def other() -> None:
        with one_core():
            began.set()
            leave.wait(10)
        after.append(torch.get_num_threads())
        ended.set()

    with one_core():
        assert torch.get_num_threads() == 1 and threads_of_a_new_thread() == 1
        thread = threading.Thread(target=other)
        thread.start()
        began.wait(10)
    leave.set()
    assert ended.wait(10)
    thread.join()
    assert after == [3] and threads_of_a_new_thread() == 3


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (61, 45), (130, 1000)])
def test_strips_cover_every_row_once(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 600)
    picture = torch.zeros(2, 3, *size)
    covered = [row for rows in strips(picture) for row in range(rows.start, rows.stop)]
    assert covered == list(range(size[0]))
    result = filled(torch.empty(2, 1, *size), lambda a, b: a[:, :1] + b[:, 1:2], picture + 1, picture + 2)
    assert torch.equal(result, torch.full((2, 1, *size), 3.0))


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (61, 45)])
def test_what_is_made_of_strips_is_what_is_made_of_the_whole(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a sum of three rows, for which a strip needs one more at its ends."""
    picture = torch.rand(2, 1, *size, generator=torch.Generator().manual_seed(0))

    def sums(rows: slice) -> Tensor:
        seen = torch.nn.functional.pad(picture[:, :, rows], (0, 0, 1, 1))
        return (seen[:, :, :-2] + seen[:, :, 1:-1] + seen[:, :, 2:]).expand(-1, 3, -1, -1)

    whole = by_strips(sums, picture, 3, 1)
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 100)
    assert torch.equal(whole, sums(slice(0, size[0]))) and torch.equal(by_strips(sums, picture, 3, 1), whole)
    if len(list(strips(picture, 2))) > 1:
        assert not torch.equal(by_strips(sums, picture, 3, 0), whole)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the priority is the process's")
def test_a_thread_gives_way_and_others_do_not() -> None:
    def given_way() -> int:
        give_way()
        return os.getpriority(os.PRIO_PROCESS, 0)  # of this thread

    before = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(given_way).result() == min(before + 5, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == os.getpriority(os.PRIO_PROCESS, os.getpid()) == before


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="processes can't be kept from cores")
def test_usable_cores_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 6})
    assert usable() == 3


def test_where_threads_may_not_give_way_they_work_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(steps: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refuse, raising=False)
    give_way()

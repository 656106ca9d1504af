import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch

from tsexpand.cores import Workers


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

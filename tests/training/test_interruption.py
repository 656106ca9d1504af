import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess

import pytest

from tsexpand.errors import OutputError
from tsexpand.training.interruption import Interruption, leave_to_parent


def test_a_second_signal_stops_at_once_unless_it_comes_with_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    with pytest.raises(KeyboardInterrupt), Interruption(lambda: told.append(1)) as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # as `timeout` does: to the process, and to its group
        assert interruption.came and told == [1]
        monkeypatch.setattr("tsexpand.training.interruption.ONE_PRESS", 0.0)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the later signal did nothing")


@pytest.mark.parametrize(("error", "raised"), [(RuntimeError, KeyboardInterrupt), (OutputError, OutputError)])
def test_what_breaks_after_a_signal_was_broken_by_it(error: type[Exception], raised: type[BaseException]) -> None:
    """A compiler, for one, which Ctrl-C reaches too; but a full disk is a full disk."""
    with pytest.raises(raised), Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        raise error("compiler killed")


def test_without_a_signal_errors_are_what_they_are() -> None:
    with pytest.raises(RuntimeError), Interruption():
        raise RuntimeError


def test_a_signal_is_noted_though_telling_of_it_fails() -> None:
    """Where stderr goes to `tee`, which the same Ctrl-C has ended."""

    def broken() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with Interruption(broken) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.came


def test_without_a_signal_telling_fails_as_it_does() -> None:
    with pytest.raises(OSError), Interruption() as interruption, interruption.telling():
        raise OSError


def _worker() -> BaseProcess:
    """A process that makes samples, and got SIGTERM."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()

    def work() -> None:
        leave_to_parent(0)
        ready.set()
        while True:
            time.sleep(0.01)

    worker = context.Process(target=work, daemon=True)
    worker.start()
    assert ready.wait(20)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGTERM)
    return worker


def test_a_worker_stays_until_the_training_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsexpand.training.interruption.GRACE", 0.1)
    with Interruption():
        worker = _worker()
        worker.join(1)
        assert worker.is_alive()
    worker.join(20)
    assert worker.exitcode == -signal.SIGALRM


def test_a_worker_does_not_stay_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsexpand.training.interruption.GRACE", 0.1)
    monkeypatch.setattr("tsexpand.training.interruption.LONGEST_GRACE", 0.5)
    with Interruption():
        worker = _worker()
        worker.join(0.2)
        assert worker.is_alive()
        worker.join(20)
        assert worker.exitcode == -signal.SIGALRM


def test_a_worker_ends_where_the_training_was_killed() -> None:
    """Its output is closed when both are gone."""
    script = (
        "import os, signal\n"
        "from tests.training import test_interruption as test\n"
        "from tsexpand.training import interruption\n"
        "interruption.GRACE = 0.1\n"
        "with interruption.Interruption():\n"
        "    test._worker()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess

import pytest

from tsexpand.training.interruption import TrainingInterruption, leave_to_parent


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
    with TrainingInterruption():
        worker = _worker()
        worker.join(1)
        assert worker.is_alive()
    worker.join(20)
    assert worker.exitcode == -signal.SIGALRM


def test_a_worker_does_not_stay_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsexpand.training.interruption.GRACE", 0.1)
    monkeypatch.setattr("tsexpand.training.interruption.LONGEST_GRACE", 0.5)
    with TrainingInterruption():
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
        "with interruption.TrainingInterruption():\n"
        "    test._worker()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr

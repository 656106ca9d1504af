"""Threads that compute on one core each.

Several cores on one tile hand its values to one another at every step; where they do not share a cache, that takes as
long as the work (measured: two cores were then no faster than one). A tile a core needs nothing of the others.
"""

import ctypes
import sys
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Barrier

import torch


class Workers:
    """As many threads as this process may use cores, each of which runs torch on its own core alone.

    To be made before other threads begin to use torch: how many cores an operation takes is a setting of its thread,
    but one that a new thread inherits from whoever set it last.
    """

    def __init__(self) -> None:
        self.count = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="tsexpand-tile")
        together = Barrier(self.count)  # so that every thread gets one of these
        wait([self._pool.submit(_on_one_core, together) for _ in range(self.count)])
        torch.set_num_threads(self.count)

    def run(self, tasks: Iterable[Callable[[], None]]) -> None:
        """Runs tasks, in any order, taking few more than are being run; raises the first error of one.

        When this returns, or raises, none is running any more.
        """
        pending: deque[Future[None]] = deque()
        try:
            for task in tasks:
                if len(pending) >= 2 * self.count:
                    pending.popleft().result()
                pending.append(self._pool.submit(_in_inference_mode, task))
            while pending:
                pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
            wait(pending)


def _on_one_core(together: Barrier) -> None:
    torch.get_num_threads()  # or the first operation would set it to that of the process
    torch.set_num_threads(1)
    _keep_mkl_on_one_core()
    together.wait()


def _keep_mkl_on_one_core() -> None:
    """Its number of threads is of the process where nobody says otherwise; torch does not."""
    if sys.platform == "linux" and torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so")).MKL_Set_Num_Threads_Local(1)


def _in_inference_mode(task: Callable[[], None]) -> None:
    with torch.inference_mode():
        task()

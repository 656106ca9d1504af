"""Work on the cores of this machine: a part of a picture a core, the parts the same on any number of cores.

Nothing else of a conversion uses several cores at once, for two reasons. PyTorch divides an operation by the number
of its threads, and rounds where a share ends otherwise than elsewhere, so that pixels would depend on it. And several
cores on one tile hand its values to one another at every step; where they do not share a cache, that takes as long
as the work (measured: two cores were then no faster than one).
"""

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from threading import Barrier

import torch
from torch import Tensor

Task = Callable[[], None]

_STRIP_PIXELS = 1 << 15
"""Of a strip, about: its values stay in a core's cache, and a call of PyTorch is little beside the work."""

_ALIGNMENT = 4
"""Strips begin at such rows, so that rows of subsampled planes are whole."""


class Workers:
    """Threads, each of which runs PyTorch on a core of its own.

    Args:
        count: how many; None for as many as PyTorch would use here.
    """

    def __init__(self, count: int | None = None) -> None:
        general = torch.get_num_threads()
        self.count = count or general
        self._pool = ThreadPoolExecutor(self.count, thread_name_prefix="tsexpand-core")
        together = Barrier(self.count)  # so that every thread gets one of these
        wait([self._pool.submit(_settle, together) for _ in range(self.count)])
        torch.set_num_threads(general)

    def run(self, tasks: Iterable[Task]) -> None:
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


@cache
def workers() -> Workers:
    """Those of this process, made when they are first asked for."""
    return Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=workers.cache_clear)  # a child has none of the threads


def run(tasks: Iterable[Task], device: torch.device) -> None:
    """Runs tasks on the cores where they work on the CPU, else here, in order; see `Workers.run`.

    Not to be called by a task: it would wait for itself.
    """
    if device.type == "cpu":
        workers().run(tasks)
    else:
        for task in tasks:
            task()


@contextmanager
def one_core() -> Iterator[None]:
    """Within it, PyTorch uses one core in this thread, and in threads that begin to use it."""
    workers()  # the threads of which are as many as could be used before
    before = torch.get_num_threads()
    _limit(1)
    try:
        yield
    finally:
        _limit(before)


def strips(picture: Tensor) -> Iterator[slice]:
    """The rows of a picture (..., H, W) in strips for a core each, in order; elsewhere than on the CPU all at once."""
    height, width = picture.shape[-2:]
    step = height
    if picture.device.type == "cpu":
        step = max(_ALIGNMENT, _STRIP_PIXELS // width // _ALIGNMENT * _ALIGNMENT)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def by_rows(task: Callable[[slice], None], picture: Tensor) -> None:
    """Runs a task on each strip of rows of a picture (..., H, W); see `run`."""
    run((partial(task, rows) for rows in strips(picture)), picture.device)


def filled(result: Tensor, function: Callable[..., Tensor], *pictures: Tensor) -> Tensor:
    """Pictures (N, C, H, W) filled with what an elementwise function makes of others (N, ?, H, W); may be one of them.

    Frame by frame, so that a frame is the same in any batch.
    """
    for number in range(len(result)):

        def fill(rows: slice, number: int = number) -> None:
            part = (slice(number, number + 1), slice(None), rows)
            result[part] = function(*(picture[part] for picture in pictures))

        by_rows(fill, result)
    return result


def _settle(together: Barrier) -> None:
    torch.get_num_threads()  # or the first operation would set it to that of the process
    _limit(1)
    together.wait()


def _limit(cores: int) -> None:
    """Cores that an operation of this thread takes."""
    torch.set_num_threads(cores)
    # MKL's number is of the process where nobody says otherwise, and PyTorch does not.
    if sys.platform == "linux" and torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        _torch_library().MKL_Set_Num_Threads_Local(cores)


@cache
def _torch_library() -> ctypes.CDLL:
    return ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))


def _in_inference_mode(task: Task) -> None:
    with torch.inference_mode():
        task()

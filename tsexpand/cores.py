"""Work on the cores of this machine: a part of a picture a core, the parts the same on any number of cores.

No other arithmetic of a conversion uses several cores at once, for two reasons. PyTorch divides an operation by the
number of its threads, and rounds where a share ends otherwise than elsewhere, so that pixels would depend on it. And
several cores on one tile hand its values to one another at every step; where they do not share a cache, that takes as
long as the work (measured: two cores were then no faster than one).
"""

import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache, partial
from threading import Barrier, RLock

import torch
from torch import Tensor

from .control_groups import cpu_quota
from .freed_memory import keep_freed_memory
from .vector_functions import settle_vector_functions

Task = Callable[[], None]

_STRIP_PIXELS = 1 << 15
"""Of a strip, about: its values stay in a core's cache, and a call of PyTorch is little beside the work."""

_GIVEN_WAY = 5
"""Steps of priority: where the cores do not suffice, a third of the share of others."""

_CHOSEN = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Of the environment: by these a user says how many threads PyTorch has."""

_ALIGNMENT = 4
"""Strips have a multiple of so many rows: of chroma of half and of a quarter of the height, whole ones."""

LITTLE_WORK = 4
"""Times as high as usual strips are where the call of PyTorch would be much beside the work on a pixel: of 1080p on two
cores, light becomes BT.2020 in 8 ms instead of 15, half floats in 10 instead of 18, a PQ signal codes in 22 instead of
60. Eight times is no faster."""


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
        try:
            for begun in [self._pool.submit(_begin_on_one_core, together) for _ in range(self.count)]:
                begun.result()
        finally:
            torch.set_num_threads(general)  # the threads have changed that of the process, too

    def run(self, tasks: Iterable[Task]) -> None:
        """Runs tasks, in any order, taking few more than are being run; raises the first error of one.

        When this returns, or raises, none is running any more.
        """
        pending: deque[Future[None]] = deque()
        try:
            for task in tasks:
                if len(pending) >= 2 * self.count:
                    pending[0].result()
                    pending.popleft()
                pending.append(self._pool.submit(_in_inference_mode, task))
            for future in pending:
                future.result()
        finally:
            for future in pending:
                future.cancel()
            wait(pending)


_lock = RLock()
_limited = 0  # uses of `one_core` that have begun and not ended
_general = 0  # PyTorch's number of threads before the first of them


def workers() -> Workers:
    """Those of this process, made when they are first asked for."""
    with _lock:
        return _workers()


@cache
def _workers() -> Workers:
    settle()
    return Workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.cache_clear)  # a child has none of the threads


def run(tasks: Iterable[Task], device: torch.device) -> None:
    """Runs tasks on the cores where they work on the CPU, else here, in order; see `Workers.run`.

    Not to be called by a task: it would wait for itself.
    """
    if device.type == "cpu":
        workers().run(tasks)
    else:
        for task in tasks:
            _in_inference_mode(task)


def at_once(device: torch.device) -> int:
    """Tasks that `run` works on at the same time on a device."""
    return workers().count if device.type == "cpu" else 1


def usable() -> int:
    """Cores that this process may use, as far as there is time for them where that is limited; rounded up."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _within_quota(count)


def settle() -> None:
    """What is to be done before PyTorch computes anything on several cores; `workers` does it, too.

    It sees the cores of a container's host: its threads, in this thread and in new ones, become no more than there is
    time for, unless the user has chosen. MKL chooses its code. And memory is kept, which is to be said before there are
    threads.
    """
    with _lock:
        keep_freed_memory(usable())
        seen = torch.get_num_threads()
        most = seen if any(name in os.environ for name in _CHOSEN) else _within_quota(seen)
        if most < seen:
            torch.set_num_threads(most)
        settle_vector_functions()


def give_way() -> None:
    """Lowers the priority of this thread, where that is not the whole process's: others wait for less than it does.

    For work that uses all cores beside a thread that feeds a GPU, which would get no more of them than each of its own.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a system that does not allow it
            os.nice(_GIVEN_WAY)


@contextmanager
def one_core() -> Iterator[None]:
    """Within it, PyTorch uses one core in this thread, and in threads that begin to use it.

    The number that new threads begin with is of the process: the first use keeps it, the last brings it back.
    """
    global _limited, _general
    workers()  # the threads of which are as many as could be used before
    own = torch.get_num_threads()
    with _lock:
        if not _limited:
            _general = own
        _limited += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _limited -= 1
            torch.set_num_threads(1 if _limited else _general)


def strips(picture: Tensor, times: int = 1) -> Iterator[slice]:
    """The rows of a picture (..., H, W) in strips for a core each, in order; elsewhere than on the CPU all at once.

    Args:
        picture: that is divided.
        times: how many times as high as usual the strips are, such as `LITTLE_WORK`.
    """
    height, width = picture.shape[-2:]
    step = height
    if picture.device.type == "cpu":
        step = max(_ALIGNMENT, times * _STRIP_PIXELS // width // _ALIGNMENT * _ALIGNMENT)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def by_rows(task: Callable[[slice], None], picture: Tensor, times: int = 1) -> None:
    """Runs a task on each strip of rows of a picture (..., H, W); see `run` and `strips`."""
    run((partial(task, rows) for rows in strips(picture, times)), picture.device)


def filled(result: Tensor, function: Callable[..., Tensor], *pictures: Tensor, times: int = 1) -> Tensor:
    """Pictures (N, C, H, W) filled with what an elementwise function makes of others (N, ?, H, W); may be one of them.

    Frame by frame, so that a frame is the same in any batch; in `strips`.
    """
    for number in range(len(result)):

        def fill(rows: slice, number: int = number) -> None:
            part = (slice(number, number + 1), slice(None), rows)
            result[part] = function(*(picture[part] for picture in pictures))

        by_rows(fill, result, times)
    return result


def by_strips(function: Callable[[slice], Tensor], picture: Tensor, channels: int, around: int = 0) -> Tensor:
    """What a function makes of the rows of a picture, strip by strip; see `run`. No part of a training.

    A picture of one strip, and all of a GPU's, is made here: in this thread, with its settings.

    Args:
        function: gives rows (N, `channels`, h, W), float32, the same in whatever strip they are, but for `around` of
            them at its ends.
        picture: (N, ?, H, W), that is divided.
        channels: of the result.
        around: rows more that a strip has at its ends, unless they are the picture's.

    Returns:
        (N, channels, H, W), float32.
    """
    count, _, height, width = picture.shape
    pieces = list(strips(picture, 2))  # the higher, the less is made twice: what is around
    if len(pieces) == 1:
        return function(pieces[0])
    result = torch.empty(count, channels, height, width, device=picture.device)

    def make(rows: slice) -> None:
        top, bottom = max(rows.start - around, 0), min(rows.stop + around, height)
        result[:, :, rows] = function(slice(top, bottom))[:, :, rows.start - top : rows.stop - top]

    run((partial(make, rows) for rows in pieces), picture.device)
    return result


def _within_quota(cores: int) -> int:
    return max(1, math.ceil(min(cores, cpu_quota())))


def _begin_on_one_core(together: Barrier) -> None:
    try:
        torch.get_num_threads()  # or the first operation would set it to that of the process
        torch.set_num_threads(1)
    except BaseException:
        together.abort()
        raise
    together.wait()


def _in_inference_mode(task: Task) -> None:
    with torch.inference_mode():
        task()

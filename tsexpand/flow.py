"""Threads between stages: bounded channels, one owner.

Stages are plain generators and know nothing of this module. `Flow.prefetch` runs the part of a
chain above it in a thread of its own; leaving the `with` block stops and joins every thread.
Errors travel down the chain with a note of where they rose, cancellation travels everywhere.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from .errors import Cancelled

T = TypeVar("T")


@dataclass(slots=True)
class StageTimes:
    """Where a stage and its consumer spent their time, in seconds.

    Attributes:
        name: of the stage.
        items: that it has put out.
        busy: time the stage worked.
        blocked: time it waited because its channel was full; much of it: the bottleneck is below.
        starved: time its consumer waited for it; much of it: the bottleneck is here or above.
    """

    name: str
    items: int = 0
    busy: float = 0.0
    blocked: float = 0.0
    starved: float = 0.0


class Channel(Generic[T]):
    """A bounded queue between two threads that ends, fails, and can be cancelled.

    Args:
        depth: items it holds at most, at least 1.
    """

    def __init__(self, depth: int) -> None:
        if depth < 1:
            raise ValueError(f"channel depth {depth} is less than 1")
        self._depth = depth
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._cancelled = False
        self._ended = False
        self._error: BaseException | None = None
        self.late_error: BaseException | None = None

    def put(self, item: T) -> None:
        """Appends the item, waiting while the channel is full; raises `Cancelled` once cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._depth or self._cancelled)
            if self._cancelled:
                raise Cancelled
            self._items.append(item)
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """No more items: iteration ends after those that wait, raising the error if there is one.

        After `cancel` nobody iterates any more; the error is then kept in `late_error`.
        """
        with self._changed:
            self._finished, self._error = True, error
            if self._cancelled:
                self.late_error = error
            self._changed.notify_all()

    def cancel(self) -> None:
        """Wakes both ends and drops what waits."""
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._changed.notify_all()

    def end(self) -> None:
        """Makes iteration end as if this were all, at once where it waits; for a signal handler, too."""
        with self._changed:  # a re-entrant lock: the thread that was interrupted may hold it
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._finished or self._cancelled or self._ended)
                if self._cancelled:
                    raise Cancelled
                if self._ended:
                    return
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item


class Flow:
    """Owns the threads of a chain of stages.

    ```python
    with Flow() as flow:
        for item in flow.prefetch(stage(source), depth=4, name="stage"):
            ...
    ```

    An error that rises in a stage while it is stopped is raised on leaving; where another error
    is on its way already it becomes a note on that one.
    """

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._channels: list[Channel[object]] = []
        self._left = False
        self._owner = threading.get_ident()
        self._outermost: Channel[object] | None = None
        self._wakers: list[Callable[[], None]] = []
        self.times: list[StageTimes] = []

    def on_cancel(self, wake: Callable[[], None]) -> None:
        """Registers what ends a wait that a channel can't end, such as a read from a pipe.

        Args:
            wake: called once when the flow is left, before its threads are joined.
        """
        self._wakers.append(wake)

    def stop(self) -> None:
        """Ends what the owner of the flow iterates, after the item it has; for a signal handler, too."""
        if self._outermost is not None:
            self._outermost.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True
        for channel in self._channels:
            channel.cancel()
        for wake in self._wakers:
            wake()
        for thread in self._threads:
            _join(thread)
        late = [channel.late_error for channel in self._channels if channel.late_error is not None]
        if error is None and late:
            error = late.pop(0)
            _note(error, late)
            raise error
        if error is not None:
            _note(error, late)

    def prefetch(self, items: Iterable[T], depth: int, name: str) -> Iterator[T]:
        """Runs an iterable in a thread of its own, at most `depth` items ahead.

        Args:
            items: a stage; where it is a generator it is closed in the thread that ran it.
            depth: items that may wait.
            name: of the stage, for errors and times.

        Returns:
            Its items in order. An error of the stage is raised here, with a note that names the
            stage and the item.
        """
        channel: Channel[T] = Channel(depth)
        times = StageTimes(name)
        thread = threading.Thread(target=_produce, args=(items, channel, times), name=f"tsexpand-{name}", daemon=True)
        self._channels.append(channel)  # type: ignore[arg-type]
        if threading.get_ident() == self._owner:  # of a nested chain the outermost comes last
            self._outermost = self._channels[-1]
        if self._left:  # a stage that prefetches in its turn may get here while the flow is left
            channel.cancel()
        self.times.append(times)
        self._threads.append(thread)  # first: an interruption may come while it starts
        thread.start()
        return _consume(channel, times)


def _join(thread: threading.Thread) -> None:
    """Waits for the end of a thread whose start may have been interrupted.

    A thread that outlived this would be torn down with the interpreter, in the middle of C++.
    """
    deadline = time.monotonic() + 1.0
    while thread.ident is None and time.monotonic() < deadline:  # either about to run, or never started
        time.sleep(0.001)
    if thread.ident is not None:
        thread.join()


def _note(error: BaseException, others: Iterable[BaseException]) -> None:
    for other in others:
        error.add_note(f"while stopping: {other!r}")


def _produce(items: Iterable[T], channel: Channel[T], times: StageTimes) -> None:
    """The body of a stage's thread.

    Every error belongs to the consumer, who re-raises it. The stage is closed before its channel
    ends: who sees the end finds its files closed, and an error of closing is not lost.
    """
    error: BaseException | None = None
    iterator: Iterator[T] | None = None
    try:
        iterator = iter(items)
        _pump(iterator, channel, times)
    except Cancelled:
        pass
    except BaseException as failure:
        error = failure
    try:
        getattr(iterator, "close", lambda: None)()
    except BaseException as failure:
        if error is None:
            error = failure
        else:
            error.add_note(f"while closing: {failure!r}")
    if error is not None:
        error.add_note(f"in stage {times.name}, after {times.items} batches")
    channel.finish(error)


def _pump(iterator: Iterator[T], channel: Channel[T], times: StageTimes) -> None:
    for item in _timed(iterator, times, "busy"):
        began = time.perf_counter()
        channel.put(item)
        times.blocked += time.perf_counter() - began
        times.items += 1
        del item  # as below


def _consume(channel: Channel[T], times: StageTimes) -> Iterator[T]:
    yield from _timed(iter(channel), times, "starved")


def _timed(iterator: Iterator[T], times: StageTimes, what: str) -> Iterator[T]:
    """The items; the time that each took to come is added to an attribute of the times."""
    while True:
        began = time.perf_counter()
        try:
            item = next(iterator)
        except StopIteration:
            return
        finally:
            setattr(times, what, getattr(times, what) + time.perf_counter() - began)
        yield item
        del item  # or it would live while the next one is made

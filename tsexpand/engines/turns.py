"""Batches dealt out to threads in turn, and collected in turn."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from ..frames import LightBatch, SignalBatch

AHEAD = 2
"""Batches that each thread may have before it: one in work and one that waits."""


def in_turns(
    batches: Iterable[SignalBatch], expand: Sequence[Callable[[SignalBatch], LightBatch]]
) -> Generator[LightBatch]:
    """Light of batches in their order; while it is looked at the next are worked on.

    One batch gives one batch, so that the order needs no sorting. An error is raised where its batch would come. To be
    closed where it is left early.

    Args:
        batches: taken in the thread that iterates.
        expand: what makes light of a batch; each has a thread of its own.
    """
    pending: deque[Future[LightBatch]] = deque()
    with ExitStack() as stack:
        threads = [ThreadPoolExecutor(1, thread_name_prefix="tsexpand-device") for _ in expand]
        for thread in threads:
            stack.callback(thread.shutdown, cancel_futures=True)
        for number, batch in enumerate(batches):
            turn = number % len(threads)
            pending.append(threads[turn].submit(expand[turn], batch))
            if len(pending) >= AHEAD * len(threads):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

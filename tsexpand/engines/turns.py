"""Batches dealt out to threads in turn, and collected in turn."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

from ..frames import LightBatch, SignalBatch

AHEAD = 2
"""Batches of each thread that are under way when one is given away: with one thread the next one is worked on while
that is looked at."""


def in_turns(
    batches: Iterable[SignalBatch],
    expand: Sequence[Callable[[SignalBatch], LightBatch]],
    leave: Callable[[], None] = lambda: None,
) -> Generator[LightBatch]:
    """Light of batches in their order; while it is looked at the next are worked on.

    One batch gives one batch, so that the order needs no sorting. An error of `expand` is raised where its batch would
    come, one of the batches at once. To be closed where it is left early.

    Args:
        batches: taken in the thread that iterates.
        expand: what makes light of a batch; each has a thread of its own.
        leave: called at the end; of what is still worked on then the light is not wanted any more.
    """
    pending: deque[Future[LightBatch]] = deque()
    with ExitStack() as stack:
        threads = [ThreadPoolExecutor(1, thread_name_prefix="tsexpand-device") for _ in expand]
        for thread in threads:
            stack.callback(thread.shutdown, cancel_futures=True)
        stack.callback(leave)
        for number, batch in enumerate(batches):
            turn = number % len(threads)
            pending.append(threads[turn].submit(expand[turn], batch))
            if len(pending) >= AHEAD * len(threads):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

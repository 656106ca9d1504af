import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tsexpand.errors import Cancelled
from tsexpand.flow import Channel, Flow


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited for ten seconds"
        time.sleep(0.001)


class Source:
    """Counts up to a number and remembers what happened to it."""

    def __init__(self, count: int, fail_at: int | None = None, fail_closing: bool = False) -> None:
        self.count, self.fail_at, self.fail_closing = count, fail_at, fail_closing
        self.made = 0
        self.closed_in: str | None = None

    def items(self) -> Iterator[int]:
        try:
            for i in range(self.count):
                if i == self.fail_at:
                    raise OSError("disk on fire")
                self.made += 1
                yield i
        finally:
            self.closed_in = threading.current_thread().name
            if self.fail_closing:
                raise OSError("could not close")


@pytest.mark.parametrize("depth", [1, 2, 100])
def test_order_is_kept(depth: int) -> None:
    with Flow() as flow:
        assert list(flow.prefetch(range(500), depth, "count")) == list(range(500))


def test_a_chain_of_stages() -> None:
    with Flow() as flow:
        numbers = flow.prefetch(iter(range(100)), 2, "numbers")
        squares = flow.prefetch((n * n for n in numbers), 2, "squares")
        assert list(map(str, squares)) == [str(n * n) for n in range(100)]
    assert [(t.name, t.items) for t in flow.times] == [("numbers", 100), ("squares", 100)]


def test_nothing_at_all() -> None:
    with Flow() as flow:
        assert list(flow.prefetch([], 1, "nothing")) == []


def test_the_producer_is_bounded() -> None:
    source = Source(100)
    with Flow() as flow:
        items = flow.prefetch(source.items(), 3, "source")
        wait_until(lambda: source.made == 4)  # three wait, one is in hand
        time.sleep(0.02)
        assert source.made == 4
        assert next(items) == 0
        wait_until(lambda: source.made == 5)
        time.sleep(0.02)
        assert source.made == 5


@pytest.mark.parametrize("depth", [0, -1])
def test_a_channel_without_room_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="depth"):
        Channel(depth)


def test_an_error_comes_after_the_items_before_it_with_a_note() -> None:
    seen = []
    with pytest.raises(OSError, match="disk on fire") as caught, Flow() as flow:
        for item in flow.prefetch(Source(10, fail_at=5).items(), 2, "decode"):
            seen.append(item)
    assert seen == [0, 1, 2, 3, 4]
    assert caught.value.__notes__ == ["in stage decode, after 5 batches"]


def test_an_error_passes_through_every_stage() -> None:
    source = Source(10, fail_at=5)
    with pytest.raises(OSError, match="disk on fire") as caught, Flow() as flow:
        numbers = flow.prefetch(source.items(), 2, "decode")
        list(flow.prefetch((n + 1 for n in numbers), 2, "device"))
    assert caught.value.__notes__ == ["in stage decode, after 5 batches", "in stage device, after 5 batches"]
    assert source.closed_in == "tsexpand-decode"


def test_an_iterable_that_can_not_begin() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise OSError("no such file")

    with pytest.raises(OSError, match="no such file"), Flow() as flow:
        list(flow.prefetch(Broken(), 1, "broken"))


def test_leaving_unblocks_a_producer_and_closes_it_in_its_thread() -> None:
    source = Source(100)
    with Flow() as flow:
        assert next(flow.prefetch(source.items(), 1, "source")) == 0
        wait_until(lambda: source.made == 3)
    assert source.closed_in == "tsexpand-source"
    assert source.made == 3


def test_leaving_unwinds_a_chain() -> None:
    source, closed = Source(100), []

    def stage(items: Iterator[int]) -> Iterator[int]:
        try:
            yield from items
        finally:
            closed.append(threading.current_thread().name)

    with Flow() as flow:
        numbers = flow.prefetch(source.items(), 1, "source")
        assert next(flow.prefetch(stage(numbers), 1, "stage")) == 0
    assert (source.closed_in, closed) == ("tsexpand-source", ["tsexpand-stage"])


def test_leaving_wakes_a_stage_that_waits_for_the_one_above() -> None:
    release = threading.Event()

    def slow() -> Iterator[int]:
        yield 0
        release.wait(10)

    with Flow() as flow:
        numbers = flow.prefetch(slow(), 1, "slow")
        doubled = flow.prefetch((2 * n for n in numbers), 1, "double")
        assert next(doubled) == 0
        release.set()


def test_an_error_of_the_consumer_stops_all_and_is_the_one_raised() -> None:
    source = Source(100)
    with pytest.raises(KeyError, match="sink"), Flow() as flow:
        for _ in flow.prefetch(source.items(), 2, "source"):
            raise KeyError("sink")
    assert source.closed_in == "tsexpand-source"


def test_an_error_of_closing_after_the_last_item_is_raised() -> None:
    with pytest.raises(OSError, match="could not close"), Flow() as flow:
        list(flow.prefetch(Source(3, fail_closing=True).items(), 1, "source"))


class ClosingIterator:
    """Not a generator: exhausted, it still wants to be closed."""

    def __init__(self, error: OSError | None = None) -> None:
        self.left, self.error, self.closed = 2, error, False

    def __iter__(self) -> "ClosingIterator":
        return self

    def __next__(self) -> int:
        self.left -= 1
        if self.left < 0:
            raise StopIteration
        return self.left

    def close(self) -> None:
        time.sleep(0.02)
        self.closed = True
        if self.error is not None:
            raise self.error


def test_the_end_is_seen_only_once_the_stage_is_closed() -> None:
    iterator = ClosingIterator()
    with Flow() as flow:
        assert list(flow.prefetch(iterator, 1, "source")) == [1, 0]
        assert iterator.closed


def test_an_error_of_close_reaches_the_consumer() -> None:
    with pytest.raises(OSError, match="late"), Flow() as flow:
        list(flow.prefetch(ClosingIterator(OSError("late")), 1, "source"))


def test_an_error_of_stopping_is_raised_on_leaving() -> None:
    source = Source(100, fail_closing=True)
    with pytest.raises(OSError, match="could not close") as caught, Flow() as flow:
        next(flow.prefetch(source.items(), 1, "source"))
    assert caught.value.__notes__[0].startswith("in stage source, after ")


def test_an_error_of_stopping_is_a_note_on_the_error_that_stopped() -> None:
    source = Source(100, fail_closing=True)
    with pytest.raises(KeyError, match="sink") as caught, Flow() as flow:
        next(flow.prefetch(source.items(), 1, "source"))
        raise KeyError("sink")
    assert caught.value.__notes__ == ["while stopping: OSError('could not close')"]


def test_a_stage_that_prefetches_in_its_turn_while_the_flow_is_left() -> None:
    entered, source = threading.Event(), Source(100)

    with Flow() as flow:

        def nested() -> Iterator[int]:
            entered.set()
            wait_until(lambda: flow._left)
            yield from flow.prefetch(source.items(), 1, "inner")

        flow.prefetch(nested(), 1, "outer")
        assert entered.wait(10)


def test_a_cancelled_channel_refuses_both_ends() -> None:
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.cancel()
    with pytest.raises(Cancelled):
        channel.put(2)
    with pytest.raises(Cancelled):
        next(iter(channel))


def test_times_name_the_bottleneck() -> None:
    def slow() -> Iterator[int]:
        for i in range(5):
            time.sleep(0.01)
            yield i

    with Flow() as flow:
        list(flow.prefetch(slow(), 2, "slow"))
    (times,) = flow.times
    assert times.items == 5
    assert times.busy >= 0.04
    assert times.starved >= 0.04
    assert times.blocked < 0.04


def test_leaving_wakes_what_a_channel_can_not() -> None:
    stopped = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        assert stopped.wait(10)

    with Flow() as flow:
        flow.on_cancel(stopped.set)
        assert next(flow.prefetch(waiting(), depth=1, name="waiting")) == 1
    assert stopped.is_set()


def test_a_thread_is_joined_though_its_start_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    def endless() -> Iterator[int]:
        while True:
            yield 1

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), Flow() as flow:
        flow.prefetch(endless(), depth=1, name="endless")


def test_a_thread_that_never_started_does_not_hold_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(RuntimeError, match="can't start"), Flow() as flow:
        flow.prefetch(iter([1]), depth=1, name="refused")


def test_a_flow_is_stopped_while_its_owner_waits() -> None:
    """Whatever the stages below are at; what the owner has, it has."""
    source = Source(1000)
    seen = []

    def slow(numbers: Iterator[int]) -> Iterator[int]:
        for n in numbers:
            if n == 3:
                threading.Timer(0.05, flow.stop).start()
                gate.wait(10)
            yield n

    gate = threading.Event()
    with Flow() as flow:
        flow.on_cancel(gate.set)
        for n in flow.prefetch(slow(flow.prefetch(source.items(), 2, "numbers")), 1, "slow"):
            seen.append(n)
    assert seen == [0, 1, 2]
    assert source.closed_in == "tsexpand-numbers"


def test_a_signal_handler_may_stop_a_flow() -> None:
    """It runs in the owner's thread, in the middle of waiting or of taking an item."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: flow.stop())
    try:
        with Flow() as flow:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            count = sum(1 for _ in flow.prefetch(itertools.count(), 2, "numbers"))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert count > 0

"""Copies between the memory of the CPU and that of a device, beside the device's work.

Pixels cross over in compact form both ways: planes as they were decoded, pictures as they are written. On
CUDA each way has a queue of its own, so that one batch comes and another leaves while a third is worked on.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from ..frames import SignalBatch

T = TypeVar("T")


class Copies(Protocol):
    """Ways to a device and back; they belong to the thread that works there."""

    @property
    def ahead(self) -> int:
        """Batches that may be on their way each way; 0 where a copy is done when its call returns."""

    def up(self, tensors: tuple[Tensor, ...]) -> Callable[[], tuple[Tensor, ...]]:
        """Begins to copy tensors to the device, from the CPU or, whole, from another device; there they may be already.

        Returns:
            What gives the tensors on the device; work that is queued after that call finds them whole.
        """

    def down(self, tensor: Tensor) -> Tensor:
        """Begins to copy to the CPU what the work that is queued so far makes of a tensor.

        Returns:
            The tensor on the CPU, to be looked at only after a `mark` that was made later has been waited for.
        """

    def mark(self) -> Callable[[], None]:
        """What waits for all copies to the CPU that have begun so far."""


class DirectCopies:
    """Copies that are done when the call returns.

    Args:
        device: the CPU, where nothing is copied, or another without queues.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    @property
    def ahead(self) -> int:
        """None."""
        return 0

    def up(self, tensors: tuple[Tensor, ...]) -> Callable[[], tuple[Tensor, ...]]:
        """See `Copies.up`."""
        moved = tuple(tensor.to(self._device) for tensor in tensors)
        return lambda: moved

    def down(self, tensor: Tensor) -> Tensor:
        """See `Copies.down`."""
        return tensor.cpu()

    def mark(self) -> Callable[[], None]:
        """See `Copies.mark`."""
        return lambda: None


class CudaCopies:
    """Copies from and to pinned memory, on a stream each way.

    Memory is given back only when the other stream is done with it: `record_stream` tells PyTorch's allocators so.

    Args:
        device: a CUDA device.

    Reference:
        PyTorch, "CUDA semantics": use pinned memory buffers; CUDA streams.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._up: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._down: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @property
    def ahead(self) -> int:
        """One each way, beside the one that is worked on."""
        return 1

    def up(self, tensors: tuple[Tensor, ...]) -> Callable[[], tuple[Tensor, ...]]:
        """See `Copies.up`."""
        ready = [tensor if tensor.is_cuda else tensor.pin_memory() for tensor in tensors]  # itself where it is
        with torch.cuda.stream(self._up):
            moved = tuple(tensor.to(self._device, non_blocking=True) for tensor in ready)
            done = self._up.record_event()

        def arrived() -> tuple[Tensor, ...]:
            work = torch.cuda.current_stream(self._device)
            work.wait_event(done)
            for tensor in moved:
                tensor.record_stream(work)
            return moved

        return arrived

    def down(self, tensor: Tensor) -> Tensor:
        """See `Copies.down`."""
        self._down.wait_stream(torch.cuda.current_stream(self._device))
        result = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        with torch.cuda.stream(self._down):
            result.copy_(tensor, non_blocking=True)
        tensor.record_stream(self._down)
        return result

    def mark(self) -> Callable[[], None]:
        """See `Copies.mark`."""
        begun = self._down.record_event()
        return lambda: begun.synchronize()


def copies_of(device: torch.device) -> Copies:
    """The ways to a device."""
    return CudaCopies(device) if device.type == "cuda" else DirectCopies(device)


def pinned(batches: Iterable[SignalBatch], device: torch.device) -> Iterable[SignalBatch]:
    """Batches whose planes are where copies to a CUDA device begin from, else as they are.

    `Copies.up` would bring them there too: in the thread that works on the device, which has less time for it than
    that which decodes.
    """
    return map(_pinned, batches) if device.type == "cuda" else batches


def _pinned(batch: SignalBatch) -> SignalBatch:
    return replace(batch, planes=tuple(plane if plane.is_cuda else plane.pin_memory() for plane in batch.planes))


def arriving(batches: Iterable[SignalBatch], copies: Copies) -> Iterator[SignalBatch]:
    """Batches with their planes on the device; while one is worked on, the next is on its way."""
    coming: deque[tuple[SignalBatch, Callable[[], tuple[Tensor, ...]]]] = deque()
    for batch in batches:
        coming.append((batch, copies.up(batch.planes)))
        if len(coming) > copies.ahead:
            yield _arrived(*coming.popleft())
    while coming:
        yield _arrived(*coming.popleft())


def _arrived(batch: SignalBatch, planes: Callable[[], tuple[Tensor, ...]]) -> SignalBatch:
    return replace(batch, planes=planes())


def settled(items: Iterable[T], copies: Copies) -> Iterator[T]:
    """Items whose tensors come from `Copies.down`, once they are whole; meanwhile the next are worked on."""
    waiting: deque[tuple[T, Callable[[], None]]] = deque()
    for item in items:
        waiting.append((item, copies.mark()))
        if len(waiting) > copies.ahead:
            yield _whole(waiting)
    while waiting:
        yield _whole(waiting)


def _whole(waiting: deque[tuple[T, Callable[[], None]]]) -> T:
    item, wait = waiting.popleft()
    wait()
    return item

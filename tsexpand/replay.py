"""Work on a GPU that is recorded once and then launched at once: CUDA graphs.

A frame takes hundreds of operations, and to launch one takes a CPU longer than most of them take the GPU. The
same operations are replayed on the same kinds of tensors, so that no bit changes.

Reference:
    PyTorch, "CUDA semantics": CUDA graphs.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

from .gpu_memory import free_memory

Function = Callable[..., tuple[Tensor, ...]]
Pool = Any  # of `torch.cuda.graph_pool_handle`, whose type PyTorch keeps to itself

_TRIALS = 2
"""Calls before one is recorded: what is done twice only is not worth it, and libraries are ready by then."""

_MOST = 16
"""Recordings that a thread keeps, each with its inputs and results; those that were used last."""

_SHARE = 16
"""Times the bytes of its inputs that must be free for a recording: it takes some of it, the network needs the rest."""

whole_device = threading.RLock()
"""Held by who records, and by who waits for all work of a device: CUDA refuses that while anything is recorded."""


def replayed(key: Hashable, function: Function, *inputs: Tensor) -> tuple[Tensor, ...]:
    """What a function makes of tensors; on a CUDA device this thread records it at the third call, then replays it.

    Args:
        key: with the shapes of the inputs it stands for all that the function does. What it looks at beside its inputs
            stays where and as it is for as long as the thread lives.
        function: it never waits for the device, and copies nothing to or from it.
        inputs: on one device.

    Returns:
        The results, each in memory of its own.
    """
    if inputs[0].device.type != "cuda" or not inputs[0].numel():  # of no pixels there is nothing to record
        return function(*inputs)
    return _of_thread.run((key, *((tensor.shape, tensor.dtype) for tensor in inputs)), function, inputs)


def forget_recordings() -> bool:
    """Gives back the memory of what this thread has recorded, and records no more if it had; whether it had."""
    return _of_thread.give_up()


class _Recording:
    """A function's operations on memory of their own.

    Args:
        function: it has run before on such inputs.
        inputs: of it.
        stream: of this thread, on the device of the inputs: PyTorch's own would be that of the first device.
        pool: of the memory for what is in between, which recordings that are replayed one after the other share.
    """

    def __init__(self, function: Function, inputs: tuple[Tensor, ...], stream: torch.cuda.Stream, pool: Pool) -> None:
        self._function = function  # it may hold what is looked at
        self.pool = pool
        self._inputs = tuple(tensor.clone() for tensor in inputs)
        self._graph = torch.cuda.CUDAGraph()
        # "thread_local": meanwhile other threads decode and copy.
        with torch.cuda.graph(self._graph, pool, stream, "thread_local"):
            self._results = function(*self._inputs)

    def replay(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given)
        self._graph.replay()
        return tuple(result.clone() for result in self._results)


class _Recordings(threading.local):
    """Those of a thread, with the number of calls before one."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Hashable, torch.device], _Recording | int] = OrderedDict()
        self._streams: dict[torch.device, torch.cuda.Stream] = {}
        self._gave_up = False

    def run(self, key: Hashable, function: Function, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        device = inputs[0].device
        with torch.cuda.device(device):
            if self._gave_up:
                return function(*inputs)
            found = self._known.pop((key, device), 0)
            if found == _TRIALS:
                found = self._recorded(function, inputs)
            self._known[key, device] = found + 1 if isinstance(found, int) else found
            self._forget()
            try:
                return function(*inputs) if isinstance(found, int) else found.replay(inputs)
            except torch.OutOfMemoryError:
                if not self.give_up():
                    raise
            return function(*inputs)

    def give_up(self) -> bool:
        """Forgets all of them, and records no more if there were any; whether there were."""
        had = any(isinstance(found, _Recording) for found in self._known.values())
        self._known.clear()
        self._gave_up |= had
        return had

    def _recorded(self, function: Function, inputs: tuple[Tensor, ...]) -> _Recording | int:
        """The recording, or, where there is no memory for it, the number of calls of what is not recorded any more."""
        device = inputs[0].device
        if free_memory(device) < _SHARE * sum(tensor.nbytes for tensor in inputs):
            return _TRIALS + 1
        if device not in self._streams:
            self._streams[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        try:
            with whole_device:
                return _Recording(function, inputs, self._streams[device], self._pool(device))
        except RuntimeError as error:  # of PyTorch's memory, or the driver's
            if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
                raise
            return _TRIALS + 1

    def _pool(self, device: torch.device) -> Pool:
        """That of the recordings that there are, as PyTorch takes none back whose recordings are all gone."""
        pools = (
            found.pool for (_, where), found in self._known.items() if where == device and isinstance(found, _Recording)
        )
        return next(pools, None) or torch.cuda.graph_pool_handle()

    def _forget(self) -> None:
        """What was not used for longest."""
        recordings = [key for key, found in self._known.items() if isinstance(found, _Recording)]
        for key in recordings[:-_MOST]:
            del self._known[key]
        while len(self._known) > 8 * _MOST:
            self._known.popitem(last=False)


_of_thread = _Recordings()

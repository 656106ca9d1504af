"""Several outputs from one pass: master and deliverable together."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from ..colour.hdr10 import ContentLight
from ..frames import LightBatch
from . import Fetch, Sink


class TeeSink:
    """Gives every batch to each of its sinks, and finishes and commits them one after the other at the end."""

    def __init__(self, sinks: Sequence[Sink[Any]]) -> None:
        self._sinks = tuple(sinks)
        self._stack = ExitStack()

    @property
    def notices(self) -> tuple[str, ...]:
        """Those of all sinks, each once."""
        return tuple(dict.fromkeys(notice for sink in self._sinks for notice in sink.notices))

    @property
    def content_light(self) -> ContentLight | None:
        """Of the first sink that has it: all were shown the same light."""
        return next((sink.content_light for sink in self._sinks if sink.content_light), None)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.enter_context(sink)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> tuple[Any, ...]:
        """What each sink makes of the batch."""
        return tuple(sink.prepare(batch, fetch) for sink in self._sinks)

    def write(self, prepared: tuple[Any, ...]) -> None:
        """Writes to each sink."""
        for sink, part in zip(self._sinks, prepared, strict=True):
            sink.write(part)

    def finish(self, partial: bool = False) -> None:
        """Finishes each sink, in order, before any is committed: where one fails, none gets its name."""
        for sink in self._sinks:
            sink.finish(partial)

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Commits each sink, in order."""
        return tuple(name for sink in self._sinks for name in sink.commit(partial))

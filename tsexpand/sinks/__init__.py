"""How light is delivered: video, EXR sequence, or several at once."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias, TypeVar

from torch import Tensor

from ..colour.hdr10 import ContentLight
from ..frames import LightBatch

Prepared = TypeVar("Prepared")

Fetch: TypeAlias = Callable[[Tensor], Tensor]


class Sink(Protocol[Prepared]):
    """Takes light and leaves a finished output, or nothing.

    A context manager: what is written carries a `.part` name until `commit`; left uncommitted it
    is deleted. `prepare` runs where the light is, on the thread of the device; `write`, on the
    thread that owns the sink, takes what `prepare` gave, in order.
    """

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know of the output, a sentence each."""
        ...

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of what was written; none where the output does not carry them."""
        ...

    def __enter__(self) -> Self:
        """Creates the output under its temporary name; raises `OutputError` where it can't."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Deletes what is uncommitted."""
        ...

    def prepare(self, batch: LightBatch, fetch: Fetch = Tensor.cpu) -> Prepared:
        """Light (cd/m², at most the peak) to what is written.

        Args:
            batch: the light.
            fetch: brings a tensor to the CPU, see `engines.copies.Copies.down`.
        """
        ...

    def write(self, prepared: Prepared) -> None:
        """Writes one batch; raises `OutputError`."""
        ...

    def finish(self, partial: bool = False) -> None:
        """Completes the output under its temporary name; raises `OutputError`.

        Args:
            partial: whether it is the beginning of what was wanted.
        """
        ...

    def commit(self, partial: bool = False) -> tuple[Path, ...]:
        """Gives what is finished its name; raises `OutputError`.

        Args:
            partial: whether it is the beginning of what was wanted, and is to be called so.

        Returns:
            The names that outputs have now.
        """
        ...

"""What a training writes down as it goes: JSON lines, and TensorBoard where it is installed."""

import json
import math
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..errors import TsexpandError, output_error

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class Records:
    """A context manager; numbers go to a JSON line each time, and to TensorBoard by name.

    Raises:
        OutputError: the log can't be written.
        TsexpandError: TensorBoard was asked for and is not installed.
    """

    def __init__(self, log: Path, tensorboard: Path | None) -> None:
        self._path = log
        self._board = None if tensorboard is None else _board(tensorboard)
        try:
            self._log = log.open("a", encoding="utf-8")
        except OSError as error:
            raise output_error(log, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.close()
        if self._board is not None:
            self._board.close()

    def add(self, step: int, numbers: dict[str, float]) -> None:
        """Writes the numbers of a step; those that are not finite are null."""
        row = {"step": step, **{k: v if math.isfinite(v) else None for k, v in numbers.items()}}
        try:
            self._log.write(json.dumps(row) + "\n")
            self._log.flush()
        except OSError as error:
            raise output_error(self._path, error) from error
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(name, value, step)


def _board(folder: Path) -> "SummaryWriter":
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise TsexpandError("TensorBoard is not installed; install it with: pip install 'tsexpand[train]'") from error
    return SummaryWriter(str(folder))

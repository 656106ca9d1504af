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

    A log that is there is kept up to the step from which the training goes on.

    Raises:
        OutputError: the log can't be written.
        TsexpandError: TensorBoard was asked for and is not installed.
    """

    def __init__(self, log: Path, tensorboard: Path | None, first_step: int) -> None:
        self._path = log
        self._board = None if tensorboard is None else tensorboard_writer()(str(tensorboard))
        try:
            kept = _lines_up_to(log, first_step)
            self._log = log.open("w", encoding="utf-8")
            self._log.writelines(kept)
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


def _lines_up_to(log: Path, step: int) -> list[str]:
    """Whole lines of a log up to a step; what came after it will be made again."""
    if step == 0 or not log.exists():
        return []
    kept = []
    for line in log.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError, TypeError):  # cut off when the process was killed
            continue
    return kept


def tensorboard_writer() -> "type[SummaryWriter]":
    """What writes TensorBoard's files, or the error that it is not installed."""
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise TsexpandError("--tensorboard needs a library: pip install tensorboard") from error
    return SummaryWriter

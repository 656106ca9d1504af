"""What a training shows on stderr: a live table on a terminal, plain lines otherwise, nothing where it follows."""

import sys
import time
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from .progress import View

if TYPE_CHECKING:
    from rich.table import Table

    from ..training.loop import Data, Progress
    from ..training.options import TrainOptions

PLAIN_INTERVAL = 10.0
"""Seconds between plain lines."""

_ROWS = 8
"""Validations that the table shows, the latest ones."""

Scores = dict[str, float]


def train_view(options: "TrainOptions", data: "Data", analytic: Scores | None) -> "TrainView":
    """What fits where stderr goes.

    Args:
        options: of the training.
        data: that it sees.
        analytic: scores of the analytic picture; None for a process that only follows.
    """
    if analytic is None:
        return TrainView(options)
    for line in data.refused:
        click.echo(f"Notice: {line}", err=True)
    refused = f", {len(data.refused)} refused" if data.refused else ""
    click.echo(f"{len(data.scenes)} scenes to learn from, {len(data.clips)} to validate on{refused}", err=True)
    return (TableView if sys.stderr.isatty() else LinesView)(options, analytic)


class TrainView(View):
    """Shows nothing; the base of those that do."""

    def __init__(self, options: "TrainOptions") -> None:
        self._options = options

    def show(self, progress: "Progress") -> None:
        """Takes in the latest."""

    def resumed(self, step: int) -> None:
        """Tells that a checkpoint was found."""

    def stopping(self) -> None:
        """Tells that a signal came."""
        click.echo("stopping after this step; once more: at once, and what came after the checkpoint is lost", err=True)


def _resumed(step: int, steps: int) -> str:
    return f"going on after step {step} of {steps}" if step < steps else f"all {steps} steps were made before"


def _state(progress: "Progress", steps: int) -> str:
    rate = progress.samples_per_second
    waited = f", {progress.waited:.0%} of it waiting for samples" if progress.waited > 0.05 else ""
    return f"step {progress.step}/{steps}, loss {progress.loss:.5f}, {rate:.1f} samples/s{waited}"


def _numbers(scores: Scores) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in scores.items())


class LinesView(TrainView):
    """A line every few seconds, and one for each validation."""

    def __init__(self, options: "TrainOptions", analytic: Scores) -> None:
        super().__init__(options)
        self._shown = time.monotonic()
        click.echo(f"analytic picture: {_numbers(analytic)}", err=True)

    def show(self, progress: "Progress") -> None:
        """Takes in the latest."""
        now = time.monotonic()
        if now - self._shown >= PLAIN_INTERVAL or progress.scores is not None:
            click.echo(_state(progress, self._options.steps), err=True)
            self._shown = now
        if progress.scores is not None:
            click.echo(f"validation: {_numbers(progress.scores)}", err=True)

    def resumed(self, step: int) -> None:
        """A line."""
        click.echo(_resumed(step, self._options.steps), err=True)


class TableView(TrainView):
    """The latest validations under the analytic picture's scores, and a line of where the training is."""

    def __init__(self, options: "TrainOptions", analytic: Scores) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__(options)
        self._analytic = analytic
        self._rows: deque[tuple[int, Scores]] = deque(maxlen=_ROWS)
        self._title = f"step 0/{options.steps}"
        self._live = Live(self._table(), console=Console(stderr=True), auto_refresh=False)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: "Progress") -> None:
        """Takes in the latest."""
        self._title = _state(progress, self._options.steps)
        if progress.scores is not None:
            self._rows.append((progress.step, progress.scores))
        self._live.update(self._table(), refresh=True)

    def resumed(self, step: int) -> None:
        """In the title."""
        self._title = _resumed(step, self._options.steps)
        self._live.update(self._table(), refresh=True)

    def _table(self) -> "Table":
        from rich.table import Table

        table = Table(title=self._title, title_justify="left")
        table.add_column("step")
        for name in self._analytic:
            table.add_column(name, justify="right")
        for step, scores in [("analytic", self._analytic), *self._rows]:
            table.add_row(str(step), *(f"{value:.2f}" for value in scores.values()))
        return table

"""Progress on stderr: a bar on a terminal, plain lines otherwise."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..convert import ConvertProgress

PLAIN_INTERVAL = 5.0
"""Seconds between plain lines."""


class ProgressView(Protocol):
    """Shows the progress of one conversion; a context manager."""

    def __enter__(self) -> Self:
        """Begins."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends, whatever happened."""
        ...

    def show(self, progress: "ConvertProgress") -> None:
        """Takes in the latest."""
        ...


def progress_view(name: str, quiet: bool) -> ProgressView:
    """What fits where stderr goes."""
    if quiet:
        return SilentView()
    return BarView(name) if sys.stderr.isatty() else PlainView(name)


class View:
    """The base of what is shown while something runs: a context manager that neither begins nor ends anything."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class SilentView(View):
    """Shows nothing."""

    def show(self, progress: "ConvertProgress") -> None:
        """Nothing."""


class PlainView(SilentView):
    """A line every few seconds, for logs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._shown = time.monotonic()

    def show(self, progress: "ConvertProgress") -> None:
        """A line, if it is time for one."""
        now = time.monotonic()
        if now - self._shown < PLAIN_INTERVAL:
            return
        self._shown = now
        total = "" if progress.total is None else f"/{progress.total}"
        left = ""
        if progress.total and progress.frames_per_second:
            seconds = max(0, progress.total - progress.frames) / progress.frames_per_second
            left = f", {seconds:.0f} s left"
        rate = f"{progress.frames_per_second:.2f} frames/s"
        click.echo(
            f"{self._name}: {progress.frames}{total} frames, {rate}{left}, bottleneck {progress.bottleneck}", err=True
        )


class Lines:
    """A line of progress every few seconds."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._shown = time.monotonic()

    def show(self, name: str, count: int) -> None:
        """Takes in a frame."""
        if not self._quiet and time.monotonic() - self._shown >= PLAIN_INTERVAL:
            self._shown = time.monotonic()
            click.echo(f"{name}: {count} frames", err=True)


class BarView(SilentView):
    """A bar with frames/s, time left and the bottleneck."""

    def __init__(self, name: str) -> None:
        self._bar = _bar()
        self._task = self._bar.add_task(name, total=None, rate="", bottleneck="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, progress: "ConvertProgress") -> None:
        """Moves the bar."""
        self._bar.update(
            self._task,
            completed=progress.frames,
            total=progress.total,
            rate=f"{progress.frames_per_second:.2f} frames/s",
            bottleneck=f"bottleneck: {progress.bottleneck}",
        )


def _bar() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[bottleneck]}"),
    )
    return Progress(*columns, console=Console(stderr=True))

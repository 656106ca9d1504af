"""`tsexpand train`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..training.loop import Progress

LINE_INTERVAL = 10.0
"""Seconds between lines of progress."""


@click.command("train")
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("weights", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--steps", type=click.IntRange(1), default=5500, show_default=True, help="Of the optimiser.")
@click.option("--batch-size", type=click.IntRange(1), default=8, show_default=True, help="Samples a step.")
@click.option("--size", type=click.IntRange(32, 256), default=144, show_default=True, help="Of a sample, pixels, even.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of samples and first weights.")
@click.option("--bfloat16", is_flag=True, help="Convolutions in bfloat16: twice as fast on CPUs that have it.")
@click.option("--overwrite", is_flag=True, help="Replace WEIGHTS if it exists.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network; needs a C++ compiler.")
def train_command(
    data: Path,
    weights: Path,
    steps: int,
    batch_size: int,
    size: int,
    seed: int,
    bfloat16: bool,
    overwrite: bool,
    compiled: bool,
) -> int:
    """Train the network, first phase.

    DATA is a folder of HDR scenes (.exr, linear); WEIGHTS the .pth file to write.

    A checkpoint is kept beside WEIGHTS and resumed, to the sample, where it exists.
    """
    from ..sinks.paths import check_file, check_parent
    from ..training.loop import TrainOptions, train
    from ..training.publish import publish

    check_parent(weights.absolute())
    check_file(weights, overwrite)
    if size % 2:
        raise click.UsageError("--size must be even")
    checkpoint = weights.with_suffix(".checkpoint")
    options = TrainOptions(data, checkpoint, steps, batch_size, size, seed=seed, bfloat16=bfloat16, compile=compiled)
    publish(train(options, Lines(steps).show), weights)
    click.echo(f"{weights}: written after {steps} steps", err=True)
    return 0


class Lines:
    """A line of progress every few seconds, with the mean loss since the last."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._losses: list[float] = []
        self._shown = time.monotonic()

    def show(self, progress: "Progress") -> None:
        """Takes in a step."""
        self._losses.append(progress.loss)
        if time.monotonic() - self._shown < LINE_INTERVAL and progress.step < self._steps:
            return
        loss = sum(self._losses) / len(self._losses)
        rate = f"{progress.samples_per_second:.1f} samples/s"
        click.echo(f"step {progress.step}/{self._steps}, loss {loss:.5f}, {rate}", err=True)
        self._losses.clear()
        self._shown = time.monotonic()

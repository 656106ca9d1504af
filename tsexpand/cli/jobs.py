"""Which input of `convert` goes where."""

import os
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import click

from .pictures import is_file_name, is_lone_picture, own_name


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its outputs, in a folder that is made where it is missing."""

    source: str
    outputs: tuple[Path, ...]
    folder: Path | None = None


def plan_jobs(
    inputs: tuple[str, ...],
    output: Path,
    to: str | None,
    also: tuple[Path, ...],
    frame_rate: Fraction | None = None,
) -> list[Job]:
    """Which input goes where: into OUTPUT itself, or under its own name within it."""
    if frame_rate is not None and len(inputs) > 1:
        raise click.UsageError("--frame-rate goes with one input: a folder, or a pattern such as shot.%04d.png")
    if len(inputs) == 1 and to is None:
        if is_lone_picture(inputs[0], frame_rate) and not is_file_name(output):
            return [Job(inputs[0], (output / own_name(inputs[0], "exr", frame_rate), *also), output)]
        return [Job(inputs[0], (output, *also))]
    if also:
        raise click.UsageError("--also goes with one input and without --to")
    if is_file_name(output):
        advice = "; --frame-rate makes a folder of pictures a clip" if to == "exr" else ""
        raise click.UsageError(f"{output} names one file; several inputs, or --to, need a folder{advice}")
    jobs = [Job(name, (output / own_name(name, to or "exr", frame_rate),), output) for name in inputs]
    names = [job.outputs[0] for job in jobs]
    for name in names:
        if names.count(name) > 1:
            raise click.UsageError(f"several inputs would be written to {name}; rename one or convert them one by one")
    return jobs


def refuse_swapped(inputs: tuple[str, ...], output: Path) -> None:
    """Refuses the name of a file that is to be, where that of one that is was meant, and the other way round."""
    is_path = len(inputs) == 1 and inputs[0] != "-" and not re.search("://|%", inputs[0])
    exists, isfile = os.path.exists, os.path.isfile  # which don't raise, whatever the name
    if is_path and isfile(output) and not exists(inputs[0]):
        raise click.UsageError(f"{inputs[0]} does not exist, and {output} does: INPUT comes first, OUTPUT last")


def refuse_inputs_as_outputs(jobs: list[Job]) -> None:
    """Refuses what would write over any of the inputs, before the first is converted."""
    from ..sinks.paths import refuse_sources

    refuse_sources((output for job in jobs for output in job.outputs), [job.source for job in jobs])

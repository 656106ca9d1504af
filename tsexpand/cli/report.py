"""What was done, as lines on stderr or JSON on stdout."""

import json
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from ..errors import TsexpandError

if TYPE_CHECKING:
    from ..convert import ConvertReport


def show_report(report: "ConvertReport", as_json: bool, quiet: bool) -> None:
    """One conversion that succeeded, or whose beginning was kept."""
    if as_json:
        click.echo(json.dumps(report_values(report)))
    if quiet:
        return
    outputs = " and ".join(_spoken(path, "standard output") for path in report.outputs)
    frames = "1 frame" if report.frames == 1 else f"{report.frames} frames"
    rate = f"{frames} in {report.seconds:.1f} s, {report.frames / report.seconds:.2f} frames/s"
    busy = ", ".join(f"{name} {spent.busy / report.seconds:.0%}" for name, spent in report.stages.items())
    if report.interrupted:
        click.echo(f"Interrupted: kept what was converted of {report.source.name}.", err=True)
    source = _spoken(report.source.name, "standard input")
    click.echo(f"{source} -> {outputs}: {rate}, bottleneck {report.bottleneck} (busy: {busy})", err=True)
    if report.content_light:
        light = report.content_light
        click.echo(f"MaxCLL {light.max_cll} cd/m², MaxFALL {light.max_fall} cd/m²", err=True)


def _spoken(name: object, stream: str) -> str:
    return stream if str(name) == "-" else str(name)


def report_values(report: "ConvertReport") -> dict[str, Any]:
    """A report in JSON's types."""
    light = report.content_light
    return {
        "input": report.source.name,
        "outputs": [str(path) for path in report.outputs],
        "interrupted": report.interrupted,
        "frames": report.frames,
        "seconds": round(report.seconds, 3),
        "frames_per_second": round(report.frames / report.seconds, 3),
        "engine": report.engine,
        "busy_seconds": {name: round(spent.busy, 3) for name, spent in report.stages.items()},
        "waited_seconds": {name: round(spent.waited, 3) for name, spent in report.stages.items()},
        "bottleneck": report.bottleneck,
        "max_cll": light.max_cll if light else None,
        "max_fall": light.max_fall if light else None,
        "notices": list(report.notices),
        "source": report.source.facts(),
    }


def show_error(error: TsexpandError) -> None:
    """The line that every known failure is; with `tsexpand --debug`, its traceback first."""
    if sys.argv[1:2] == ["--debug"]:  # here, because errors arrive from inside and outside of commands
        traceback.print_exception(error)
    click.echo(f"Error: {error}", err=True)


def show_failure(source: str, error: TsexpandError, as_json: bool) -> None:
    """One conversion that failed."""
    show_error(error)
    if as_json:
        click.echo(json.dumps({"input": source, "error": str(error), "exit_code": error.exit_code}))

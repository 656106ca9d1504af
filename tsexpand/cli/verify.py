"""`tsexpand verify`."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .convert import convert_command
from .progress import Lines
from .source import SOURCE_OPTIONS, source_options

if TYPE_CHECKING:
    from ..verify import VerifyReport

SHARED = ("start", "frames", *SOURCE_OPTIONS)
"""Options of `convert` that say which pictures of the source are meant, and what they are."""

FAILED = 1
"""Exit code where a check did not pass."""


@click.command("verify")
@click.argument("name", metavar="FILE|FOLDER")
@click.option("--source", metavar="INPUT", help="What it was made of: frames, times, sound and black are compared.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
def verify_command(name: str, source: str | None, as_json: bool, quiet: bool, **values: Any) -> int:
    """Check a delivery from its first frame to its last.

    An HDR10 or HLG file: that it can be decoded, its tags, mastering display and light levels against what is
    decoded, and its times. A folder with an EXR sequence: numbers, values, headers. Exit code 1 where
    something is not as it should be. With --source, give what of the options below `convert` was given.
    """
    from ..verify import verify

    refuse_lone(source)
    lines = Lines(quiet)
    report = verify(name, source, lambda done: lines.show(name, done), source_options(values))
    if as_json:
        values = {"name": report.name, "frames": report.frames, "passed": report.passed}
        click.echo(json.dumps(values | {"checks": [asdict(check) for check in report.checks]}))
    else:
        click.echo("\n".join(verify_lines(report)))
    return 0 if report.passed else FAILED


verify_command.params += [option for option in convert_command.params if option.name in SHARED]


def refuse_lone(source: str | None) -> None:
    """Refuses options of the source where there is none."""
    context = click.get_current_context()
    given = [p.opts[0] for p in context.command.params if p.name in SHARED and _is_given(context, p.name)]
    if source is None and given:
        raise click.UsageError(f"{', '.join(given)}: of the source, which --source names")


def _is_given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def verify_lines(report: "VerifyReport") -> list[str]:
    """The report for people."""
    width = max(len(check.name) for check in report.checks)
    lines = [f"{'pass' if c.passed else 'FAIL'}  {c.name:{width}}  {c.detail}" for c in report.checks]
    failed = sum(not check.passed for check in report.checks)
    verdict = f"{failed} of {len(report.checks)} checks failed" if failed else f"all {len(report.checks)} checks passed"
    return [report.name, *lines, verdict]

"""`tsexpand verify`."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from .progress import Lines

if TYPE_CHECKING:
    from ..verify import VerifyReport

FAILED = 1
"""Exit code where a check did not pass."""


@click.command("verify")
@click.argument("name", metavar="FILE|FOLDER")
@click.option("--source", metavar="INPUT", help="What it was made of: frames, times, sound and black are compared.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
def verify_command(name: str, source: str | None, as_json: bool, quiet: bool) -> int:
    """Check a delivery from its first frame to its last.

    An HDR10 or HLG file: that it can be decoded, its tags, mastering display and light levels against what is
    decoded, and its times. A folder with an EXR sequence: numbers, values, headers. Exit code 1 where
    something is not as it should be.
    """
    from ..verify import verify

    lines = Lines(quiet)
    report = verify(name, source, lambda done: lines.show(name, done))
    if as_json:
        values = {"name": report.name, "frames": report.frames, "passed": report.passed}
        click.echo(json.dumps(values | {"checks": [asdict(check) for check in report.checks]}))
    else:
        click.echo("\n".join(verify_lines(report)))
    return 0 if report.passed else FAILED


def verify_lines(report: "VerifyReport") -> list[str]:
    """The report for people."""
    width = max(len(check.name) for check in report.checks)
    lines = [f"{'pass' if c.passed else 'FAIL'}  {c.name:{width}}  {c.detail}" for c in report.checks]
    failed = sum(not check.passed for check in report.checks)
    verdict = f"{failed} of {len(report.checks)} checks failed" if failed else f"all {len(report.checks)} checks passed"
    return [report.name, *lines, verdict]

"""What was asked for, for the record of a run."""

import sys
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import click

_APART = frozenset({"also", "preview_tone", "to", "overwrite", "keep_partial"})
"""Options that say where an output goes and when, and nothing of what is in it."""


def command_line() -> tuple[str, ...]:
    """What was typed."""
    return ("tsexpand", *sys.argv[1:])


def settings(command: click.Command, values: Mapping[str, Any]) -> dict[str, object]:
    """Options by their long names, in JSON's types: true and false of switches, None of what is left open.

    Args:
        command: whose options they are.
        values: of its parameters, defaults included.
    """
    options = {p.name: p for p in command.params if isinstance(p, click.Option)}
    return {
        options[name].opts[0].removeprefix("--"): _plain(value)
        for name, value in values.items()
        if name in options and name not in _APART
    }


def _plain(value: object) -> object:
    if isinstance(value, Fraction):  # either way it reads the same again: 62.5, "24000/1001"
        return float(value) if Fraction(str(float(value))) == value else str(value)
    if isinstance(value, tuple):
        return "x".join(map(str, value))  # a size
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)

"""Types of command-line values."""

import re
from fractions import Fraction
from typing import Any

import click

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


class OneOrMore(click.Argument):
    """Values before a last one of another kind; a lone value is taken for that one, whichever it was meant to be."""

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Names all that is needed where something is missing."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter as error:
            arguments = [p for p in ctx.command.params if isinstance(p, click.Argument)]
            error.param_hint = f"of {' '.join(p.make_metavar(ctx) for p in arguments)}, which are all needed"
            raise


class Time(click.ParamType[Fraction]):
    """A time in a clip: seconds, MM:SS or HH:MM:SS, each with a decimal part where wanted; exact."""

    name = "time"

    def convert(
        self, value: str | Fraction, parameter: click.Parameter | None, context: click.Context | None
    ) -> Fraction:
        """Reads the time, or fails as click does."""
        if isinstance(value, Fraction):
            return value
        match = _CLOCK.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a time such as 62.5, 1:02.5 or 00:01:02.5", parameter, context)
        hours, minutes, seconds = match.groups()
        return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)


class AutoInt(click.ParamType[int | None]):
    """A whole number from a minimum on, or "auto" (None)."""

    name = "auto|number"

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum

    def convert(self, value: str | int, parameter: click.Parameter | None, context: click.Context | None) -> int | None:
        """Reads the number, or fails as click does."""
        if value == "auto":
            return None
        if not str(value).isdigit() or int(value) < self._minimum:
            self.fail(f"{value!r} is neither auto nor a whole number from {self._minimum} on", parameter, context)
        return int(value)

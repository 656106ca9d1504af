"""Types of command-line values."""

import re
from fractions import Fraction
from typing import Any

import click

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_RATE = re.compile(r"\d{1,6}(?:\.\d{1,6}|/0*[1-9]\d{0,5})?")

_MOST_FRAMES = 1000
"""Frames a second, beyond any display's: more is a slip."""


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


class FrameRate(click.ParamType[Fraction]):
    """Frames a second: 24, 23.976 (which is 24000/1001 in two words), or a fraction; exact."""

    name = "rate"

    def convert(
        self, value: str | Fraction, parameter: click.Parameter | None, context: click.Context | None
    ) -> Fraction:
        """Reads the rate, or fails as click does."""
        from ..codecs.frame_rate import standard_rate

        if isinstance(value, Fraction):
            return value
        if _RATE.fullmatch(value) is None:
            self.fail(f"{value!r} is not a frame rate such as 24, 23.976 or 24000/1001", parameter, context)
        rate = standard_rate(Fraction(value)) if "." in value else Fraction(value)
        if not 0 < rate <= _MOST_FRAMES:
            self.fail(f"{value!r} is not between 0 and {_MOST_FRAMES} frames a second", parameter, context)
        return rate


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

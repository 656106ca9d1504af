"""What `convert` is told of inputs and outputs that are streams of bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..codecs.input_format import InputFormat


def input_format(values: dict[str, Any]) -> "InputFormat":
    """What the command line says of the input's format; refuses contradictions."""
    from ..codecs.input_format import RAW, InputFormat

    name = values["format"]
    rate = values["frame_rate"] if name == RAW else None  # which pictures in a folder may have, too
    try:
        return InputFormat(name, values["size"], values["pixel_format"], rate)
    except ValueError as error:
        raise click.UsageError(f"--format, --size, --pixel-format, --frame-rate: {error}") from None


ONLY_STREAMS = ("y4m", "nut", "rawvideo")
"""Of --to, what is written to a stream and nowhere else; mkv and ts are both."""

ONLY_FILES = ("exr", "mp4", "mov", "hdr", "png", "avif")
"""What a stream can't take: a folder, and files whose index comes last."""


def goes_to_stream(outputs: Sequence[Path], inputs: int, to: str | None, as_json: bool) -> bool:
    """Whether --to is the format of a stream, as there is one among the outputs, and not of files in a folder."""
    from ..sinks.paths import descriptor, is_stream

    if not any(is_stream(output) for output in outputs):
        if to in ONLY_STREAMS:
            raise click.UsageError(f"--to {to} is for standard output or a named pipe: give - as OUTPUT")
        return False
    if inputs > 1:
        raise click.UsageError("standard output, or a pipe, takes one input")
    if to in ONLY_FILES:
        raise click.UsageError(f"--to {to} can't go through a pipe; take y4m, rawvideo, nut, mkv or ts, or name a file")
    if as_json and any(descriptor(output) == 1 for output in outputs):
        raise click.UsageError("--json needs standard output; name a file as OUTPUT")
    return True

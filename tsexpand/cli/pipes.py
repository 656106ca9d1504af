"""What `convert` is told of inputs and outputs that are streams of bytes."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..codecs.decode import InputFormat


def input_format(values: dict[str, Any]) -> "InputFormat":
    """What the command line says of the input's format; refuses contradictions."""
    from ..codecs.input_format import RAW, InputFormat

    name = values["format"]
    rate = values["frame_rate"] if name == RAW else None  # which pictures in a folder may have, too
    try:
        return InputFormat(name, values["size"], values["pixel_format"], rate)
    except ValueError as error:
        raise click.UsageError(f"--format, --size, --pixel-format, --frame-rate: {error}") from None

"""Pictures on the command line: folders of them, and what each becomes."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import click

_MOST_NAMED = 3
"""Files of a folder that are named where they are left out."""


def is_lone_picture(source: str, frame_rate: Fraction | None) -> bool:
    """Whether an input is a picture on its own: not of a sequence, and no clip."""
    from ..codecs.stills.kinds import is_still

    return frame_rate is None and is_still(source)


def is_file_name(output: Path) -> bool:
    """Whether OUTPUT names a file, or standard output, and no folder."""
    from ..sinks.delivery import Delivery, delivery_of

    return delivery_of(output) is not Delivery.EXR


def own_name(source: str, to: str, frame_rate: Fraction | None) -> str:
    """The name that an input gets in a folder of outputs."""
    from ..codecs.stills.sequence import stem_of

    is_folder = to == "exr" and not is_lone_picture(source, frame_rate)
    return stem_of(source) if is_folder else f"{stem_of(source)}.{to}"


def with_pictures_of_folders(inputs: tuple[str, ...], quiet: bool) -> tuple[str, ...]:
    """The inputs, with the pictures of each folder in its place; what else is in it is left out, and told.

    Raises:
        InputError: a folder can't be read, or holds no picture.
    """
    folders = {source for source in inputs if os.path.isdir(source)}  # noqa: PTH112  (Path's raises for long addresses)
    return tuple(name for source in inputs for name in (_listed(source, quiet) if source in folders else (source,)))


def _listed(folder: str, quiet: bool) -> Iterator[str]:
    from ..codecs.stills.sequence import list_stills, looks_like_sequence

    pictures, others = list_stills(Path(folder))
    if others and not quiet:
        names = ", ".join(other.name for other in others[:_MOST_NAMED])
        more = ", ..." if len(others) > _MOST_NAMED else ""
        click.echo(f"{folder}: {len(others)} that are no pictures are left out: {names}{more}", err=True)
    if not quiet and looks_like_sequence(pictures):
        click.echo(
            f"{folder}: {pictures[0].name} to {pictures[-1].name} look like one sequence; --frame-rate makes them a"
            " clip, whose frames are averaged along the motion",
            err=True,
        )
    return map(str, pictures)

"""`tsexpand frame`."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .convert import convert_command, convert_options
from .deliveries import check_light
from .engine import load_engine
from .evaluate import check_files, write_whole
from .jobs import Job
from .parameters import Time
from .source import SOURCE_OPTIONS

if TYPE_CHECKING:
    from torch import Tensor

SHARED = (
    *SOURCE_OPTIONS,
    "weights",
    "reference_white",
    "peak",
    "denoise",
    "smooth",
    "device",
    "precision",
    "compilation",
    "tile",
)
"""Options of `convert` that change the picture, or how it is computed."""


@click.command("frame")
@click.argument("source", metavar="INPUT")
@click.option("--at", type=Time(), default="0", show_default=True, help="When: 62.5, 1:02.5 or 00:01:02.5.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT.png", help="The sheet.")
@click.option("--overwrite", is_flag=True, help="Replace the sheet if it exists.")
def frame_command(source: str, at: Fraction, output: Path | None, overwrite: bool, **values: Any) -> int:
    """Look at one frame: SDR beside HDR, on a PNG for any screen.

    The sheet shows the SDR picture, the HDR light at its exposure and 2 and 4 stops darker, its luminance in
    colours, and how far it was changed. The frame is the first one at or after the time, as `convert` with the
    same options writes it. Without -o the sheet is INPUT_TIME.png in the current folder.

    \b
    tsexpand frame input.mp4 --at 1:02.5
    tsexpand frame input.mp4 --at 7 -o look.png --peak 4000
    """
    from ..codecs.images import png
    from ..evaluation.plot import check_plots

    values = settings(values)
    check_light(values)
    output = output or Path(own_name(source, at))
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"-o {output}: the sheet is a PNG; name it .png")
    check_files([output], [source], overwrite)
    check_plots("tsexpand frame")
    write_whole(output, png(sheet(source, at, values)))
    click.echo(output)
    return 0


frame_command.params += [option for option in convert_command.params if option.name in SHARED]


def settings(values: dict[str, Any]) -> dict[str, Any]:
    """All settings of a conversion: those given, and the others' defaults."""
    with convert_command.make_context("convert", ["-", "-"]) as context:
        return context.params | values


def own_name(source: str, at: Fraction) -> str:
    """What a sheet is called: clip_00-01-02.500.png."""
    from ..codecs.stills.sequence import stem_of
    from ..frames import clock

    return f"{stem_of(source)}_{clock(at).replace(':', '-')}.png"


def sheet(source: str, at: Fraction, values: dict[str, Any]) -> "Tensor":
    """The sheet of a frame, drawn."""
    from ..network.output import Parametrisation
    from ..network.weights import load_weights
    from ..sheet.draw import draw
    from ..sheet.look import look

    relative = load_weights(values["weights"]).parametrisation is Parametrisation.RELATIVE
    engine = load_engine(values, quiet=False)
    frame = look(convert_options(Job(source, (Path("-"),)), values), at, engine, relative)
    assumed = [f"assumed {', '.join(map(str, frame.info.guesses))}"] if frame.info.guesses else []
    for notice in (*assumed, *frame.info.notices, *engine.notices):
        click.echo(f"{source}: {notice}", err=True)
    return draw(frame, values["reference_white"], values["peak"], engine.description)

"""`tsexpand evaluate`."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .progress import Lines

if TYPE_CHECKING:
    from rich.table import Table

    from ..evaluation.report import EvaluationReport

LABELS = {
    "psnr": ("PSNR", "↑", 2),
    "mse": ("MSE", "↓", 6),
    "ssim": ("SSIM", "↑", 4),
    "pu1000": ("PU21-PSNR 1000", "↑", 2),
    "pu4000": ("PU21-PSNR 4000", "↑", 2),
    "pu_clipped": ("  clipped areas", "↑", 2),
    "pu_rest": ("  the rest", "↑", 2),
    "pu_ssim": ("PU21-SSIM", "↑", 4),
    "delta_e_itp": ("ΔE ITP", "↓", 2),
    "smoothness": ("smoothness S", "↑", 3),
    "flicker": ("flicker", "↓", 3),
    "wobble_stops": ("wobble", "↓", 4),
    "scale_stops": ("scale", "→ 0", 3),
    "contrast": ("contrast", "→ 1", 3),
    "added_flicker": ("added flicker", "↓", 3),
    "added_wobble_stops": ("added wobble", "↓", 4),
    "smoothness_to_source": ("S to source", "↑", 3),
}
"""Of each number: what it is called, what is better, and decimals."""


@click.command("evaluate")
@click.argument("prediction")
@click.option("--reference", metavar="REF", help="The truth: a clip, a folder of pictures, or a picture.")
@click.option("--source", metavar="SDR", help="The SDR clip that the prediction was made from: what flicker was added?")
@click.option("--against", multiple=True, metavar="OTHER", help="Another prediction to judge beside; may be repeated.")
@click.option("--fit", is_flag=True, help="Fit one scale a clip first, for predictions of relative light.")
@click.option("--frames", type=click.IntRange(1), help="Compare the first that many frames.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, allow_dash=True), help="Write all as JSON; - stdout."
)
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), help="Write the curves by frame as PNG.")
@click.option("--overwrite", is_flag=True, help="Replace the files of --json and --plot if they exist.")
@click.option("--quiet", is_flag=True, help="No progress and no notices.")
def evaluate_command(
    prediction: str,
    reference: str | None,
    source: str | None,
    against: tuple[str, ...],
    fit: bool,
    frames: int | None,
    json_path: Path | None,
    plot_path: Path | None,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Measure how good and how steady an HDR picture or clip is.

    PREDICTION, REF and OTHER are each a clip (SDR, HDR10 or HLG), a folder of .exr or .hdr pictures, or a picture.
    Frames are paired by their order. Without a reference, --source tells what flicker was added to the SDR clip.

    \b
    tsexpand evaluate hdr/ --reference truth/
    tsexpand evaluate hdr.mp4 --source sdr.mp4 --plot curves.png
    tsexpand evaluate ours/ --against hdrcnn/ --reference truth/ --fit
    """
    if reference is None and source is None:
        raise click.UsageError("nothing to compare with: give --reference, --source or both")
    from ..evaluation.evaluate import EvaluateOptions, evaluate
    from ..evaluation.plot import check_plots, draw

    options = EvaluateOptions((prediction, *against), reference, source, fit, frames)
    files = [path for path in (json_path, plot_path) if path is not None and str(path) != "-"]
    check_files(files, [*options.predictions, *options.bases], overwrite)
    if plot_path is not None:
        check_plots()
    report = evaluate(options, Lines(quiet).show)
    if not quiet:
        show_notices(report)
    if plot_path is not None:
        write_whole(plot_path, draw(report))
    show(report, json_path)
    return 0


def check_files(files: list[Path], inputs: list[str], overwrite: bool) -> None:
    """Refuses files that can't be written or must not be, before the work."""
    from ..sinks.paths import check_file, check_parent, refuse_sources

    refuse_sources(files, inputs)
    for path in files:
        check_parent(path.absolute())
        check_file(path, overwrite)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that has its name only once it is whole."""
    from ..sinks.paths import make_file, remove, reserve_part, translated

    part = reserve_part(path, make_file)
    try:
        with translated(path):
            part.write_bytes(content)
            part.replace(path)
    finally:
        remove(part)


def show_notices(report: "EvaluationReport") -> None:
    """What was assumed, each once."""
    for notice in dict.fromkeys(notice for prediction in report.predictions for notice in prediction.notices):
        click.echo(notice, err=True)


def show(report: "EvaluationReport", json_path: Path | None) -> None:
    """The table on stdout, unless that is for JSON."""
    content = json.dumps(report.values())
    if str(json_path) == "-":
        click.echo(content)
        return
    if json_path is not None:
        write_whole(json_path, f"{content}\n".encode())
    from rich.console import Console

    Console().print(table(report))


def table(report: "EvaluationReport") -> "Table":
    """A row for each number, a column for each prediction."""
    from rich.table import Table

    from ..evaluation.report import UNITS

    result = Table()
    for _ in ("what", "better"):
        result.add_column(no_wrap=True)
    for prediction in report.predictions:
        result.add_column(prediction.name, justify="right", overflow="fold")
    for name in report.predictions[0].numbers:
        label, best, decimals = LABELS[name]
        unit = f", {UNITS[name]}" if UNITS[name] else ""
        numbers = (prediction.numbers[name] for prediction in report.predictions)
        result.add_row(label + unit, best, *(_written(number, decimals) for number in numbers))
    result.add_row("frames", "", *(str(prediction.frames) for prediction in report.predictions))
    if any(prediction.fitted_scale != 1 for prediction in report.predictions):
        result.add_row("fitted scale", "", *(f"{p.fitted_scale:.4g}" for p in report.predictions))
    return result


def _written(number: float, decimals: int) -> str:
    if math.isnan(number):
        return "–"
    return "∞" if math.isinf(number) else f"{number:.{decimals}f}"

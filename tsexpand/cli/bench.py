"""`tsexpand bench`: how fast this machine is."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .convert import convert_command, convert_options
from .deliveries import check_light
from .engine import DEFAULT_WEIGHTS, load_engine
from .evaluate import check_files, write_whole
from .jobs import Job

if TYPE_CHECKING:
    import torch

    from ..bench.network import Rate


PARTS = ("network", "precision", "start-up", "conversion")


def _frame_size(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, int]:
    """Width and height."""
    width, _, height = value.partition("x")
    if not (width.isdigit() and height.isdigit() and all(64 <= int(side) <= 16384 for side in (width, height))):
        raise click.BadParameter(f"{value!r} is not a frame size such as 1920x1080, each from 64 to 16384")
    return int(width), int(height)


@click.command("bench", short_help="Measure how fast this machine is.")
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="Measure that; may be repeated.")
@click.option("--size", default="960x540", show_default=True, callback=_frame_size, help="Frame that the network gets.")
@click.option("--weights", default=DEFAULT_WEIGHTS, show_default=True, help="Name of shipped weights, or a file.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, mps.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, allow_dash=True), help="Write all as JSON; - stdout."
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --json if it exists.")
@click.argument("conversion", nargs=-1, type=click.UNPROCESSED, metavar="[-- INPUT OUTPUT [OPTIONS OF CONVERT]]")
def bench_command(
    only: tuple[str, ...],
    size: tuple[int, int],
    weights: str,
    device: str,
    json_path: Path | None,
    overwrite: bool,
    conversion: tuple[str, ...],
) -> None:
    """Measure how fast this machine is.

    The network alone, in float32 and in the faster number type of the machine, layer by layer and (ExpandNet)
    compiled, against the published tiled loop and against a matrix product; what fewer bits cost; how long
    `tsexpand --help` takes.
    With a conversion also each of its stages alone, and the whole, which should take as long as the slowest of them.
    Its output is written to a temporary folder. Nothing else should run meanwhile.

    \b
    tsexpand bench --size 1920x1080
    tsexpand bench --json figures.json -- clip.mp4 out.mkv --preset fast
    """
    if "conversion" in only and not conversion:
        raise click.UsageError("--only conversion: give one after --, such as -- clip.mp4 out.mkv")
    to_stdout = str(json_path) == "-"
    if json_path is not None and not to_stdout:
        check_files([json_path], [], overwrite)
    given = ["--weights", weights, "--device", device, *(conversion or ("-", "-"))]
    values = convert_command.make_context("convert", given).params
    check_light(values)
    if conversion and (len(values["inputs"]) != 1 or values["inputs"][0] == "-" or values["to"] is not None):
        raise click.UsageError("a conversion of one file, without --to, can be measured")
    figures: dict[str, Any] = {}
    for name, rows in _benches(size, values, bool(conversion)):
        if only and name not in ("machine", *only):
            continue
        figures[name] = []
        for row, line in rows:
            figures[name].append(row)
            click.echo(line, err=to_stdout)
    content = json.dumps(figures, indent=1)
    if to_stdout:
        click.echo(content)
    elif json_path is not None:
        write_whole(json_path, f"{content}\n".encode())


Rows = Iterable[tuple[dict[str, Any], str]]
"""Figures, and the line that shows them."""


def _benches(size: tuple[int, int], values: dict[str, Any], with_conversion: bool) -> Iterator[tuple[str, Rows]]:
    yield "machine", _machine()
    yield "network", _network(size, values)
    yield "precision", _precision(size, values)
    yield "start-up", _start_up(values, with_conversion)
    if with_conversion:
        yield "conversion", _conversion(values)


def _machine() -> Rows:
    from dataclasses import asdict

    from ..bench.machine import this_machine

    machine = this_machine()
    gpus = "".join(f", {gpu}" for gpu in machine.gpus)
    line = f"{machine.processor}, {machine.cores} threads{gpus}; torch {machine.torch}, tsexpand {machine.tsexpand}"
    yield asdict(machine), line


def _network(size: tuple[int, int], values: dict[str, Any]) -> Rows:
    from dataclasses import asdict

    from ..bench.network import ROUNDS, rates
    from ..engines.devices import select_device
    from ..network.weights import load_weights

    device = select_device(values["device"])
    network = load_weights(values["weights"]).network.to(device)
    width, height = size

    def on_round(number: int) -> None:
        click.echo(f"network at {width}×{height}: round {number} of {ROUNDS}" if number else "warming up", err=True)

    for rate in rates(network, height, width, device, _dtypes(device), on_round):
        yield asdict(rate) | {"width": width, "height": height}, _rate_line(rate)


def _dtypes(device: "torch.device") -> tuple["torch.dtype", ...]:
    """float32, and the number type that is faster on a device, where there is one."""
    import torch

    from ..engines.devices import Precision

    return tuple(dict.fromkeys((torch.float32, Precision.AUTO.on(device))))


def _rate_line(rate: "Rate") -> str:
    parts = [f"{rate.name:40}", f"{rate.gigaflops:7.0f} GFLOP/s"]
    if rate.seconds:
        parts.append(f"{1 / rate.seconds:7.2f} frames/s")
    if rate.against_loop:
        parts.append(f"{rate.against_loop:5.2f} × the published loop")
    if rate.against_product:
        parts.append(f"{rate.against_product:4.0%} of the matrix product")
    return "  ".join(parts)


def _precision(size: tuple[int, int], values: dict[str, Any]) -> Rows:
    import torch

    from ..bench.network import implementations
    from ..engines.devices import dtype_name, select_device
    from ..engines.promise import difference
    from ..network.weights import load_weights

    device = select_device(values["device"])
    weights = load_weights(values["weights"])
    network = weights.network.to(device)
    _, exact = next(implementations(network, torch.float32, device, *size[::-1]))
    for dtype in _dtypes(device):
        for name, tiled in implementations(network, dtype, device, *size[::-1]):
            with torch.inference_mode():
                found = difference(tiled, exact, weights.parametrisation, device)
            kind = f"{name}, {dtype_name(dtype)}"
            yield {"name": kind, **found._asdict()}, f"{kind:40}  {found} of layer by layer, float32"


def _start_up(values: dict[str, Any], with_conversion: bool) -> Rows:
    from ..bench.start_up import first_frame_seconds, help_seconds

    seconds = help_seconds()
    yield {"name": "--help", "seconds": seconds}, f"{'tsexpand --help':40}  {seconds:7.2f} s"
    if with_conversion:
        options = ("--weights", values["weights"], "--device", values["device"])
        seconds = first_frame_seconds(values["inputs"][0], options)
        yield (
            {"name": "first frame", "seconds": seconds},
            f"{'first frame of the clip, uncompiled':40}  {seconds:7.2f} s",
        )


def _conversion(values: dict[str, Any]) -> Rows:
    from dataclasses import asdict

    from ..bench.pipeline import ROUNDS, overhead, stage_times

    options = convert_options(Job(values["inputs"][0], (values["output"], *values["also"])), values)
    engine = load_engine(values, quiet=True)
    times = stage_times(options, engine, lambda number: click.echo(f"conversion: round {number} of {ROUNDS}", err=True))
    for time in times:
        name, ratio = (f"{time.name} alone", "") if time.name != "convert" else ("all at once", _ratio(overhead(times)))
        yield asdict(time), f"{name:40}  {time.frames_per_second:7.2f} frames/s  {time.seconds:7.2f} s{ratio}"
    yield {"name": "engine", "description": engine.description}, engine.description


def _ratio(overhead: float) -> str:
    return f", {overhead:.2f} × the slowest stage"

"""`tsexpand train`."""

from pathlib import Path
from typing import Any

import click

from .parameters import OneOrMore

_PHASES = click.Choice(["first", "second"])
_TARGETS = click.Choice(["absolute", "relative"])
_NETWORKS = click.Choice(["expandnet", "compact"])
_STABILITIES = click.Choice(["none", "l1", "l2", "rec", "ssim"])
_PRECISIONS = click.Choice(["float32", "bfloat16", "float16"])
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
_NEW_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("train", context_settings={"show_default": True})
@click.argument("data", type=_FOLDER, cls=OneOrMore, nargs=-1, required=True)
@click.argument("output", metavar="WEIGHTS", type=_FILE)
@click.option("--phase", type=_PHASES, default="first", help="Reconstruct; or tune trained weights.")
@click.option("--target", type=_TARGETS, default="absolute", help="Absolute light, or relative as published.")
@click.option("--stability", type=_STABILITIES, default="none", help="Stability loss of the second phase.")
@click.option("--alpha", type=click.FloatRange(0, 1, max_open=True), help="Its share; by default the published one.")
@click.option(
    "--follow-motion/--no-follow-motion", default=True, help="Relative: expect what motion changes, or no change."
)
@click.option("--init", type=click.Path(path_type=Path), help="Weights to start from: a file, or shipped ones by name.")
@click.option("--network", type=_NETWORKS, default="expandnet", help="As published, or an eighth of it.")
@click.option("--teacher", type=click.Path(path_type=Path), help="Weights of ExpandNet to learn from too, like --init.")
@click.option("--validation", type=_FOLDER, help="Scenes for the scores; by default about one in eight of DATA.")
@click.option("--steps", type=click.IntRange(1), default=8000, help="Of the optimiser.")
@click.option("--batch-size", type=click.IntRange(1), default=8, help="Samples a step, over all devices.")
@click.option("--size", type=click.IntRange(32, 262), default=144, help="Of a sample, pixels, even.")
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), default=2e-4, help="At its highest.")
@click.option("--ema-decay", type=click.FloatRange(0, 1, max_open=True), default=0.998, help="Of the averaged weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of samples and first weights.")
@click.option("--precision", type=_PRECISIONS, default="float32", help="Of the convolutions.")
@click.option("--compile", is_flag=True, help="Compile the network; needs a C++ compiler.")
@click.option("--device", default="auto", help="cpu, cuda, cuda:1, ...")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes that make samples.")
@click.option("--validate-every", type=click.IntRange(1), default=500, help="Steps between validations.")
@click.option("--pictures", type=_NEW_FOLDER, help="Write pictures of each validation there.")
@click.option("--tensorboard", type=_NEW_FOLDER, help="Write TensorBoard's files there (needs tensorboard).")
@click.option("--overwrite", is_flag=True, help="Replace WEIGHTS if it exists.")
def train_command(overwrite: bool, **options: Any) -> int:
    """Train the network on folders of HDR scenes.

    DATA are folders of linear .exr and .hdr pictures: panoramas (about twice as wide as high) and photographs.
    WEIGHTS is the .pth file to write, with the averaged weights that validated best.

    Beside WEIGHTS stand a .checkpoint, from which an interrupted training goes on as if nothing had
    happened, and a .jsonl with losses and scores. Several GPUs: torchrun --nproc-per-node 2 -m tsexpand
    train ...

    \b
    tsexpand train scenes/ first.pth
    tsexpand train scenes/ stable.pth --phase second --init first.pth --stability l1
    """
    from ..sinks.paths import check_file, check_parent
    from ..training.distributed import share_of_environment
    from ..training.interruption import TrainingInterrupted
    from ..training.loop import Hooks, analytic_scores, check, load_data, train
    from ..training.publish import publish
    from .train_view import train_view

    parsed = _parsed(options)
    check_parent(parsed.output.absolute())
    check_file(parsed.output, overwrite)
    check(parsed)
    data = load_data(parsed)
    leads = share_of_environment().rank == 0
    try:
        with train_view(parsed, data, analytic_scores(data) if leads else None) as view:
            trainer = train(parsed, data, Hooks(view.show, view.resumed, view.stopping))
    except TrainingInterrupted as stop:
        click.echo(f"{parsed.checkpoint}: the same command goes on after step {stop.step}", err=True)
        raise
    except KeyboardInterrupt:
        where = "the checkpoint" if parsed.checkpoint.exists() else "the beginning"
        click.echo(f"{parsed.output}: the same command goes on from {where}", err=True)
        raise
    if leads:
        publish(trainer, data)
        click.echo(f"{parsed.output}: averaged weights of step {trainer.kept.step}", err=True)
    return 0


def _parsed(options: dict[str, Any]) -> Any:
    """The options as training takes them; what contradicts itself is a usage error."""
    from ..engines.devices import Precision
    from ..network.architectures import Architecture
    from ..network.output import Parametrisation
    from ..network.weights import find_weights
    from ..training.options import Phase, Stability, TrainOptions

    kinds = {
        "phase": Phase,
        "target": Parametrisation,
        "network": Architecture,
        "stability": Stability,
        "precision": Precision,
    }
    values = options | {name: kind(options[name]) for name, kind in kinds.items()}
    for name in ("init", "teacher"):
        if values[name] is not None:
            values[name] = find_weights(str(values[name]))
    try:
        return TrainOptions(**values)
    except ValueError as error:
        raise click.UsageError(str(error)) from error

"""Options that no output of a run makes use of."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.core import ParameterSource

_VIDEO, _AVIF, _PNG, _EXR, _DOCUMENT = "video", "AVIF", "PNG", "EXR", "a document"

_USED_BY = {
    "codec": (_VIDEO, _AVIF),
    "crf": (_VIDEO, _AVIF),
    "preset": (_VIDEO, _AVIF),
    "transfer": (_VIDEO, _AVIF, _PNG, _DOCUMENT),
    "mastering_display": (_VIDEO, _AVIF, _PNG, _DOCUMENT),
    "compression": (_EXR,),
    "exr_primaries": (_EXR,),
}
"""Kinds of output that options are for, by the names of their parameters."""


def tell_unused(outputs: Iterable[Path], preview: Path | None, quiet: bool) -> None:
    """Tells, once, of options that were given and that no output makes use of.

    Args:
        outputs: of all inputs.
        preview: the one that is an SDR preview, whose encoder can't be chosen.
        quiet: whether nothing is to be told.
    """
    if quiet:
        return
    kinds = {_kind(output) for output in outputs if output != preview}
    for name in _given():
        if kinds.isdisjoint(_USED_BY[name]):
            option = f"--{name.replace('_', '-')}"
            click.echo(f"{option} has no say here: it is for {' and '.join(_USED_BY[name])}", err=True)


def _given() -> Iterator[str]:
    """Those of the options that were typed."""
    context = click.get_current_context()
    return (name for name in _USED_BY if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)


def _kind(output: Path) -> str:
    from ..sinks.delivery import Delivery, delivery_of

    kind = delivery_of(output)
    if kind is Delivery.PICTURE:
        return {".png": _PNG, ".avif": _AVIF, ".exr": _EXR}.get(output.suffix.lower(), "")
    kinds = {Delivery.EXR: _EXR, Delivery.DOCUMENT: _DOCUMENT, Delivery.VIDEO: _VIDEO, Delivery.PIPE: _VIDEO}
    return kinds[kind]

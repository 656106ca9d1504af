from pathlib import Path

import click
import pytest

from tsexpand.cli import cli
from tsexpand.cli.convert import Job, convert_command, exit_code, plan_jobs
from tsexpand.cli.pipes import ONLY_FILES, ONLY_STREAMS
from tsexpand.codecs.encode import LIBRARIES
from tsexpand.codecs.exr import Compression
from tsexpand.codecs.passthrough import Container
from tsexpand.colour.sdr_tone import Tone
from tsexpand.engines.devices import Precision
from tsexpand.errors import InputError, OutputError
from tsexpand.sinks.delivery import PICTURE_SUFFIXES
from tsexpand.sinks.pipe import PipeFormat


def choices(name: str) -> set[str]:
    option = next(p for p in convert_command.params if p.name == name)
    assert isinstance(option.type, click.Choice)
    return set(option.type.choices)


def test_choices_are_those_of_the_library() -> None:
    assert choices("compression") == {c.value for c in Compression}
    assert choices("precision") == {p.value for p in Precision}
    assert choices("codec") == set(LIBRARIES)
    assert choices("preview_tone") == {tone.value for tone in Tone}
    files = {suffix[1:] for suffix in (*Container.suffixes(), *PICTURE_SUFFIXES)}
    streams = {c.value for c in PipeFormat}
    assert choices("to") == files | streams
    assert set(ONLY_STREAMS) == streams - files
    assert set(ONLY_FILES) == choices("to") - streams


def test_one_input_goes_to_the_output_itself() -> None:
    assert plan_jobs(("a.mp4",), Path("out"), None, (Path("b.mkv"),)) == [Job("a.mp4", (Path("out"), Path("b.mkv")))]


def test_several_inputs_go_under_their_own_names() -> None:
    jobs = plan_jobs(("x/a.mp4", "-"), Path("out"), "mkv", ())
    assert [job.outputs for job in jobs] == [(Path("out/a.mkv"),), (Path("out/stdin.mkv"),)]
    assert [job.outputs for job in plan_jobs(("a.mp4", "b.mp4"), Path("out"), None, ())] == [
        (Path("out/a"),),
        (Path("out/b"),),
    ]


@pytest.mark.parametrize(
    ("inputs", "output", "to", "also", "message"),
    [
        (("x/a.mp4", "y/a.mov"), "out", "mkv", (), "several inputs would be written to"),
        (("a.mp4", "b.mp4"), "out.mp4", None, (), "must be a folder"),
        (("a.mp4", "b.mp4"), "out", None, (Path("c"),), "--also goes with one input"),
    ],
)
def test_contradictions_are_usage_errors(
    inputs: tuple[str, ...], output: str, to: str | None, also: tuple[Path, ...], message: str
) -> None:
    with pytest.raises(click.UsageError, match=message):
        plan_jobs(inputs, Path(output), to, also)


def test_the_exit_code_is_that_of_the_failures() -> None:
    assert exit_code([]) == 0
    assert exit_code([InputError("a"), InputError("b")]) == 3
    assert exit_code([InputError("a"), OutputError("b")]) == 1


def test_every_option_is_explained() -> None:
    for command in cli.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help or isinstance(parameter.type, click.Choice), f"{command.name} {parameter.name}"

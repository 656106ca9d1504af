import re
import weakref
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from tests.colour.test_mastering_notation import X265
from tsexpand.cli import cli, convert
from tsexpand.cli.convert import convert_command, convert_options, exit_code
from tsexpand.cli.deliveries import delivery_options, preview_of, refuse_codec
from tsexpand.cli.engine import decoding_device
from tsexpand.cli.jobs import Job, plan_jobs, refuse_swapped
from tsexpand.cli.pipes import ONLY_FILES, ONLY_STREAMS
from tsexpand.codecs.encoders import LIBRARIES
from tsexpand.codecs.exr import Compression, ExrPrimaries
from tsexpand.codecs.passthrough import Container
from tsexpand.colour.codes import Primaries
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.colour.sdr_tone import Tone
from tsexpand.engines import devices
from tsexpand.engines.devices import Precision
from tsexpand.errors import DeviceError, InputError, OutputError
from tsexpand.sinks.delivery import PICTURE_SUFFIXES
from tsexpand.sinks.pipe import PipeFormat


def choices(name: str) -> set[str]:
    option = next(p for p in convert_command.params if p.name == name)
    assert isinstance(option.type, click.Choice)
    return set(option.type.choices)


def test_choices_are_those_of_the_library() -> None:
    assert choices("compression") == {c.value for c in Compression}
    assert choices("precision") == {p.value for p in Precision}
    assert choices("exr_primaries") == {p.value for p in ExrPrimaries}
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
        (("a.mp4", "b.mp4"), "out.mp4", None, (), "need a folder"),
        (("a.mp4", "b.mp4"), "out", None, (Path("c"),), "--also goes with one input"),
    ],
)
def test_contradictions_are_usage_errors(
    inputs: tuple[str, ...], output: str, to: str | None, also: tuple[Path, ...], message: str
) -> None:
    with pytest.raises(click.UsageError, match=message):
        plan_jobs(inputs, Path(output), to, also)


@pytest.mark.parametrize(
    ("output", "arguments", "message"),
    [
        ("out.mp4", ["--codec", "prores"], "out.mp4: MP4 does not hold prores; use .mov or .mkv, or one of hevc, av1"),
        ("out.mkv", ["--codec", "ffv1", "--crf", "3"], "out.mkv: ffv1 has neither crf nor preset to choose; leave"),
        ("out", ["--codec", "dnxhr", "--to", "mkv"], "MKV does not hold dnxhr; use .mov, or one of"),
    ],
)
def test_a_codec_that_an_output_does_not_hold_is_refused_at_once(
    tmp_path: Path, output: str, arguments: list[str], message: str
) -> None:
    with pytest.raises(OutputError, match=re.escape(message)):
        CliRunner().invoke(cli, ["convert", "no-such.mp4", str(tmp_path / output), *arguments], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--mastering-display", "p3-d65", "--transfer", "hlg"], "goes with --transfer pq"),
        (["--mastering-display", "p3"], "'p3' is neither p3-d65, bt2020 nor"),
        (["--mastering-display", X265, "--peak", "1001"], "can't show --peak 1001: it ends at 1000 cd/m²"),
    ],
)
def test_a_mastering_display_that_can_not_be_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["convert", "no-such.mp4", str(tmp_path / "out.mp4"), *arguments])
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", "").split()), result.output


def test_the_preview_is_the_last_video_of_also() -> None:
    also = (Path("a.mkv"), Path("see.mp4"), Path("a.json"))
    assert preview_of({"also": also, "preview_tone": "bt2390"}) == Path("see.mp4")
    assert preview_of({"also": also, "preview_tone": None}) is None
    with pytest.raises(click.UsageError, match=r"needs an --also that ends in \.mp4"):
        preview_of({"also": (Path("a.json"),), "preview_tone": "bt2390"})


def test_swapped_names_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(click.UsageError, match="INPUT comes first"):
        refuse_swapped((str(tmp_path / "out.mkv"),), tmp_path / "clip.mp4")
    for source in ("-", "http://there/a.mp4", "shot.%04d.png", str(tmp_path / "clip.mp4"), "b" * 300):
        refuse_swapped((source,), tmp_path / "new.mkv")


def test_a_preview_need_not_hold_the_codec_of_the_others() -> None:
    arguments = ["a.mp4", "out.mov", "--also", "see.mp4", "--preview-tone", "bt2390", "--codec", "prores"]
    values = convert_command.make_context("convert", list(arguments)).params
    refuse_codec([Path("out.mov"), Path("see.mp4")], values)
    with pytest.raises(OutputError, match=r"see\.mp4: MP4 does not hold prores"):
        refuse_codec([Path("out.mov"), Path("see.mp4")], values | {"preview_tone": None})


def test_a_mastering_display_reaches_the_delivery() -> None:
    arguments = ["in.mp4", "out.mp4", "--mastering-display", "bt2020", "--peak", "4000", "--exr-primaries", "aces"]
    values = convert_command.make_context("convert", arguments).params
    options = delivery_options(values)
    assert options.mastering == mastering_display(4000, Primaries.BT2020)
    assert options.exr_primaries is ExrPrimaries.ACES


@pytest.mark.parametrize(
    ("arguments", "device"),
    [
        ((), None),
        (("--hwaccel", "none", "--device", "cuda"), None),
        (("--hwaccel", "cuda"), "cuda:0"),
        (("--hwaccel", "cuda", "--device", "cuda:1"), "cuda:1"),
        (("--hwaccel", "cuda", "--device", "all"), "cuda:0"),
    ],
)
def test_the_gpu_that_decodes_is_the_first_of_the_network(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], device: str | None
) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "cuda:0", "cuda:1"])
    values = convert_command.make_context("convert", ["in.mp4", "out.mp4", *arguments]).params
    read = convert_options(Job("in.mp4", (Path("out.mp4"),)), values).reading
    assert read.hardware == (None if device is None else torch.device(device))


def test_no_other_device_decodes() -> None:
    values = convert_command.make_context("convert", ["in.mp4", "out.mp4", "--hwaccel", "cuda"]).params
    with pytest.raises(DeviceError, match="the network runs on cpu; name one with --device cuda, or leave out"):
        decoding_device(values | {"device": "cpu"})


def test_the_exit_code_is_that_of_the_failures() -> None:
    assert exit_code([]) == 0
    assert exit_code([InputError("a"), InputError("b")]) == 3
    assert exit_code([InputError("a"), OutputError("b")]) == 1


def test_every_option_is_explained() -> None:
    for command in cli.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help or isinstance(parameter.type, click.Choice), f"{command.name} {parameter.name}"


def test_what_a_failed_input_held_is_let_go_while_others_are_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures, and the decoder of a GPU: its error is kept to the end, for the summary."""

    class Source:
        pass

    held: list[weakref.ref[Source]] = []

    def fail(*arguments: object) -> None:
        assert all(one() is None for one in held)
        source = Source()
        held.append(weakref.ref(source))
        raise InputError("damaged")

    monkeypatch.setattr(convert, "load_engine", lambda values, quiet: None)
    monkeypatch.setattr(convert, "run_job", fail)
    inputs = [str(tmp_path / name) for name in ("a.mp4", "b.mp4")]
    result = CliRunner().invoke(cli, ["convert", *inputs, str(tmp_path / "out"), "--to", "mkv"])
    assert len(held) == 2 and "2 of 2 inputs failed" in result.stderr

"""`tsexpand bench`: that its figures are there and of one kind; how large they are is the machine's."""

import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from tests.codecs.input_clips import write_clip
from tests.compiled_code import code_of
from tests.conversions import options
from tests.network.models import random_network, random_weights
from tests.test_convert import TAGS, flat
from tsexpand.bench import network, pipeline
from tsexpand.bench.network import published_loop, published_parts
from tsexpand.bench.pipeline import StageTime, overhead, stage_times
from tsexpand.cli import cli
from tsexpand.convert.options import ConvertOptions
from tsexpand.engines import Engine
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.engines.artefacts import NetworkArtefact
from tsexpand.errors import InputError
from tsexpand.network.architectures import Architecture
from tsexpand.network.compactnet import CompactNet

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing once."""

    monkeypatch.setattr(network, "ROUNDS", 1)
    monkeypatch.setattr(network, "_MATRIX", {"cpu": 64})
    monkeypatch.setattr(NetworkArtefact, "make", lambda artefact: None)
    monkeypatch.setattr(NetworkArtefact, "load", code_of)


def test_the_published_loop_is_the_published_graph_but_at_the_seams() -> None:
    """One patch holds the whole of a small frame; in a larger one the rim of each patch saw zeros."""
    graph = random_network()
    small = network.picture(60, 80, CPU)
    assert torch.equal(published_loop(graph, small), published_parts(graph, small))
    large = network.picture(300, 260, CPU)
    difference = (published_loop(graph, large) - published_parts(graph, large)).abs().amax((0, 1))
    assert difference[:220, :220].max() < 1e-5 < difference.max()


def test_rates_are_of_the_same_operations() -> None:
    rows = {row.name: row for row in network.rates(random_network(), 64, 64, CPU, (torch.float32,))}
    ours, loop = rows["layer by layer, float32"], rows["published loop, float32"]
    assert ours.gigaflops == pytest.approx(2 * 200_256 * 64 * 64 / ours.seconds / 1e9)
    assert ours.against_loop == pytest.approx(loop.seconds / ours.seconds)
    assert ours.against_product == pytest.approx(ours.gigaflops / rows["matrix product, float32"].gigaflops)


def test_another_network_is_measured_against_the_published_loop() -> None:
    rows = {row.name: row for row in network.rates(random_weights(Architecture.COMPACT), 64, 64, CPU, (torch.float32,))}
    ours, loop = rows["layer by layer, float32"], rows["published loop, float32"]
    assert "compiled, float32" not in rows
    assert ours.gigaflops == pytest.approx(2 * CompactNet.multiply_adds * 64 * 64 / ours.seconds / 1e9)
    assert loop.gigaflops == pytest.approx(2 * 200_256 * 64 * 64 / loop.seconds / 1e9)
    assert ours.against_loop == pytest.approx(loop.seconds / ours.seconds)


def test_each_thing_has_a_turn_in_each_round_and_the_fastest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "ROUNDS", 2)
    clock = iter([0, 1, 1, 11, 20, 25, 25, 26, 30, 33, 33, 40])
    monkeypatch.setattr(network.time, "perf_counter", lambda: next(clock))
    turns: list[str] = []
    runs = [lambda: turns.append("a"), lambda: turns.append("b")]
    assert network.fastest(runs, lambda number: turns.append(str(number))) == [3, 1]
    assert turns == ["0", "a", "b", "1", "a", "b", "2", "a", "b"]


def capabilities(monkeypatch: pytest.MonkeyPatch, **found: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)


def test_every_part_tells_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities(monkeypatch, avx512_bf16=True)
    result = CliRunner().invoke(cli, ["bench", "--size", "64x64", "--json", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert list(figures) == ["machine", "network", "precision", "start-up"]
    names = [row["name"] for row in figures["network"]]
    assert names[2:] == [
        "published loop, float32", "published graph, whole frame, float32", "layer by layer, float32",
        "compiled, float32", "layer by layer, bfloat16", "compiled, bfloat16",
    ]  # fmt: skip
    psnr = {row["name"]: row["psnr"] for row in figures["precision"]}
    assert psnr["compiled, float32"] > 100 > psnr["compiled, bfloat16"] > 50
    assert 0 < figures["start-up"][0]["seconds"] < 10


def test_number_types_that_the_machine_does_not_multiply_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capabilities(monkeypatch, avx2=True)
    parts = ("--only", "network", "--only", "precision")
    result = CliRunner().invoke(cli, ["bench", *parts, "--size", "64x64", "--json", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    for part in ("network", "precision"):
        assert all("float32" in row["name"] and "bfloat16" not in row["name"] for row in figures[part])


def test_a_clip_that_fails_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"nothing")
    for part in ("start-up", "conversion"):
        result = CliRunner().invoke(cli, ["bench", "--only", part, "--", str(tmp_path / "clip.mp4"), "out"])
        assert isinstance(result.exception, InputError), result.output
        assert "clip.mp4" in str(result.exception)


def test_stages_are_measured_alone_and_at_once(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mkv", [flat(40 + 8 * i) for i in range(5)], tags=TAGS)
    result = CliRunner().invoke(
        cli, ["bench", "--only", "conversion", "--json", "-", "--", str(tmp_path / "clip.mkv"), "out"]
    )
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    stages = {row["name"]: row for row in figures["conversion"] if "seconds" in row}
    assert list(stages) == ["decode", "network", "write", "convert"]
    assert all(row["frames"] == 5 and 0 < row["seconds"] < math.inf for row in stages.values())
    assert figures["machine"][0]["torch"] == torch.__version__
    assert "× the slowest stage" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


def test_the_fastest_of_each_stage_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = iter([(1.0, 5.0, 3.0, 6.0), (2.0, 4.0, 2.0, 5.5), (3.0, 4.5, 1.0, 7.0)])
    stages = ("decode", "network", "write", "convert")

    def one_round(to: ConvertOptions, engine: Engine) -> list[StageTime]:
        assert to.outputs[0].parent.is_dir() and to.delivery.overwrite
        return [StageTime(name, 5, seconds) for name, seconds in zip(stages, next(rounds), strict=True)]

    monkeypatch.setattr(pipeline, "_round", one_round)
    told: list[int] = []
    times = stage_times(options(Path("clip.mkv"), Path("out")), AnalyticEngine(CPU), told.append)
    assert times == [StageTime(name, 5, time) for name, time in zip(stages, (1.0, 4.0, 1.0, 5.5), strict=True)]
    assert told == [1, 2, 3]


def test_the_overhead_is_against_the_slowest_stage() -> None:
    times = [StageTime("decode", 5, 1.0), StageTime("network", 5, 4.0), StageTime("write", 5, 2.0)]
    assert overhead([*times, StageTime("convert", 5, 5.0)]) == 1.25
    assert pipeline.StageTime("decode", 5, 2.0).frames_per_second == 2.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "1920"], "'1920' is not a frame size such as 1920x1080"),
        (["--size", "10x10"], "each from 64 to 16384"),
        (["--only", "conversion", "--", "-", "out"], "a conversion of one file, without --to, can be measured"),
        (["--only", "conversion"], "give one after --"),
        (["--only", "everything"], "'everything' is not one of"),
    ],
)
def test_what_can_not_be_measured_is_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["bench", *arguments])
    assert result.exit_code == 2
    assert message in result.output

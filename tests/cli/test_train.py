import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.training.small_scenes import write_scenes
from tsexpand.cli import cli
from tsexpand.errors import InputError, OutputError, WeightsError
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import load_weights
from tsexpand.training.checkpoints import read_checkpoint

SMALL = ("--steps", "2", "--batch-size", "1", "--size", "40", "--device", "cpu")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["train", *map(str, arguments)], standalone_mode=False)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    (tmp_path / "scenes").mkdir()
    return write_scenes(tmp_path / "scenes")


def test_scenes_become_weights_in_two_phases(scenes: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.pth", tmp_path / "second.pth"
    result = run(scenes, first, *SMALL)
    assert result.exit_code == 0, result.exception
    assert "2 scenes to learn from, 1 to validate on" in result.stderr
    assert "analytic picture: pu1000" in result.stderr and "validation: pu1000" in result.stderr
    assert f"{first}: averaged weights of step 2" in result.stderr
    assert load_weights(str(first)).parametrisation is Parametrisation.ABSOLUTE
    (row,) = [json.loads(line) for line in (tmp_path / "first.pth.jsonl").read_text().splitlines()]
    assert row["step"] == 2 and row["pu4000"] > 0

    result = run(scenes, second, *SMALL, "--phase", "second", "--init", first, "--stability", "l1")
    assert result.exit_code == 0, result.exception
    options = load_weights(str(second)).metadata["options"]
    assert (options["phase"], options["stability"], options["alpha"]) == ("second", "l1", 0.4)


def test_a_bad_scene_is_named_and_left_out(scenes: Path, tmp_path: Path) -> None:
    (scenes / "bad.exr").write_bytes(b"not a picture")
    result = run(scenes, tmp_path / "w.pth", *SMALL, "--steps", "1")
    assert result.exit_code == 0
    assert "bad.exr" in result.stderr and "1 refused" in result.stderr


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--size", "41"), "even"),
        (("--phase", "second"), "needs --init"),
        (("--stability", "l1"), "--phase second"),
    ],
)
def test_options_that_contradict_themselves_are_a_usage_error(
    scenes: Path, tmp_path: Path, wrong: tuple[str, ...], message: str
) -> None:
    result = run(scenes, tmp_path / "w.pth", *wrong)
    assert message in str(getattr(result.exception, "message", ""))


def _last_step(log: Path) -> int:
    lines = log.read_text().splitlines() if log.exists() else []
    return int(json.loads(lines[-1])["step"]) if lines else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_learned_and_the_same_command_goes_on(
    scenes: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """To the whole group of processes, as a terminal, `timeout` and job schedulers send it."""
    output = tmp_path / "w.pth"
    small = ("--steps", "100000", "--batch-size", "1", "--size", "40", "--device", "cpu")
    command = [sys.executable, "-m", "tsexpand", "train", str(scenes), str(output), *small]
    for _ in range(2):
        log = Path(f"{output}.jsonl")
        begun = _last_step(log)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as training:
            while training.poll() is None and _last_step(log) <= begun:
                time.sleep(0.1)
            if training.poll() is None:
                os.killpg(training.pid, number)
            _, errors = training.communicate()
        assert training.returncode == 130, errors
        assert "the same command goes on after step" in errors
    assert "going on after step" in errors
    assert Path(f"{output}.checkpoint").exists() and not output.exists()


def test_ctrl_c_that_ends_the_reader_of_stderr_too_keeps_what_was_learned(scenes: Path, tmp_path: Path) -> None:
    """As with `2>&1 | tee log`, which gets the signal too and is gone first."""
    output = tmp_path / "w.pth"
    small = ("--steps", "100000", "--batch-size", "1", "--size", "40", "--device", "cpu")
    command = [sys.executable, "-m", "tsexpand", "train", str(scenes), str(output), *small]
    log = Path(f"{output}.jsonl")
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as training:
        while training.poll() is None and _last_step(log) == 0:
            time.sleep(0.1)
        assert training.poll() is None and training.stderr is not None
        training.stderr.close()
        os.killpg(training.pid, signal.SIGINT)
        training.wait()
    assert read_checkpoint(Path(f"{output}.checkpoint"), {})["step"] >= _last_step(log)


def test_weights_that_exist_are_kept(scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"mine")
    result = run(scenes, tmp_path / "w.pth", *SMALL)
    assert isinstance(result.exception, OutputError)
    assert (tmp_path / "w.pth").read_bytes() == b"mine"


def test_what_can_not_be_used_is_said_before_anything_is_trained(scenes: Path, tmp_path: Path) -> None:
    result = run(scenes, tmp_path / "w.pth", "--init", tmp_path / "missing.pth")
    assert isinstance(result.exception, WeightsError)
    (tmp_path / "empty").mkdir()
    assert isinstance(run(tmp_path / "empty", tmp_path / "w.pth").exception, InputError)

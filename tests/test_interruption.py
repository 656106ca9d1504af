"""Ctrl-C, SIGTERM and a full disk, on the real command as a process."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.codecs.input_clips import write_clip
from tests.test_convert import TAGS, flat

STAGES = ["decode", "device", "write", "commit"]

SCRIPT = """
import os, signal, sys, torch
import tsexpand.cli, tsexpand.cli.convert as command
from tsexpand.codecs.decode import VideoSource
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.sinks.exr import ExrSink
from tsexpand.sinks.video import VideoSink

number, stage = getattr(signal, sys.argv.pop(1)), sys.argv.pop(1)
count = 0

def interrupting(function):
    def interrupted(*arguments):
        global count
        count += 1
        if count == (1 if stage == "commit" else 3):
            os.kill(os.getpid(), number)
        return function(*arguments)
    return interrupted

def interrupting_batches(source, size):
    for batch in batches(source, size):
        interrupting(lambda: None)()
        yield batch

engine = AnalyticEngine(torch.device("cpu"))
command.load_engine = lambda *_: engine
if stage == "decode":
    batches = VideoSource.batches
    VideoSource.batches = interrupting_batches
if stage == "device":
    AnalyticEngine.expand = interrupting(AnalyticEngine.expand)
for sink in (ExrSink, VideoSink):
    if stage in ("write", "commit"):
        setattr(sink, stage, interrupting(getattr(sink, stage)))
tsexpand.cli.main()
"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "clip.mkv"
    write_clip(path, [flat(40 + i % 100) for i in range(150)], tags=TAGS, audio_seconds=(3.0,))
    return path


def convert(clip: Path, folder: Path, number: str, stage: str, *outputs: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, number, stage, "convert", str(clip), outputs[0]]
    for other in outputs[1:]:
        command += ["--also", other]
    options = ["--batch-size", "1", "--preset", "ultrafast"]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("outputs", [("out.mp4",), ("out", "out.mkv")])
def test_an_interrupt_in_any_stage_leaves_nothing(
    clip: Path, tmp_path: Path, stage: str, outputs: tuple[str, ...]
) -> None:
    result = convert(clip, tmp_path, "SIGINT", stage, *outputs)
    assert result.returncode == 130, result.stderr
    assert "Traceback" not in result.stderr and "Interrupted" in result.stderr
    assert not list(tmp_path.iterdir())


def test_sigterm_is_an_interrupt_too(clip: Path, tmp_path: Path) -> None:
    result = convert(clip, tmp_path, "SIGTERM", "device", "out.mkv")
    assert result.returncode == 130, result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
@pytest.mark.parametrize("output", ["out", "out.mp4", "out.mkv"])
def test_a_disk_that_fills_up_is_one_line(tmp_path: Path, output: str) -> None:
    write_clip(tmp_path / "clip.mkv", [flat(40 + i % 100, width=256, height=144) for i in range(12)], tags=TAGS)
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    options = ["convert", "clip.mkv", output, "--compression", "none", "--preset", "ultrafast", "--crf", "0"]
    result = subprocess.run(
        [sys.executable, "-c", limit + textwrap.dedent(SCRIPT), "SIGINT", "none", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 4, result.stderr
    assert "Traceback" not in result.stderr and f"{output}" in result.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]

"""Ctrl-C, SIGTERM and a full disk, on the real command as a process."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import av
import pytest

from tests.codecs.input_clips import write_clip
from tests.test_convert import TAGS, flat
from tsexpand.errors import OutputError
from tsexpand.interruption import Interruption
from tsexpand.verify import verify

STAGES = ["decode", "device", "write", "commit@1"]

SCRIPT = """
import os, signal, sys, torch
import tsexpand.cli, tsexpand.cli.convert as command
from tsexpand.codecs.decode import VideoSource
from tsexpand.engines.analytic import AnalyticEngine
from tsexpand.sinks.exr import ExrSink
from tsexpand.sinks.video import VideoSink

number, (stage, _, at) = getattr(signal, sys.argv.pop(1)), sys.argv.pop(1).partition("@")
count = 0

def interrupting(function):
    def interrupted(*arguments):
        global count
        count += 1
        if count == int(at or 3):
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


def convert(
    clip: Path, folder: Path, number: str, stage: str, *outputs: str, more: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, number, stage, "convert", str(clip), outputs[0]]
    for other in outputs[1:]:
        command += ["--also", other]
    options = ["--batch-size", "1", "--preset", "ultrafast", *more]
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


@pytest.mark.parametrize(
    ("number", "stage"), [("SIGINT", "decode@40"), ("SIGTERM", "device@40"), ("SIGINT", "write@40")]
)
def test_what_was_converted_is_kept_on_demand(clip: Path, tmp_path: Path, number: str, stage: str) -> None:
    """Whole files of their own, under a name that says what they are; frames that were under way are not waited for."""
    result = convert(clip, tmp_path, number, stage, "out", "out.mkv", "out.mp4", more=("--keep-partial",))
    assert result.returncode == 130, result.stderr
    assert "Traceback" not in result.stderr and "kept what was converted" in result.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"out.partial", "out.partial.mkv", "out.partial.mp4"}
    frames = len(list((tmp_path / "out.partial").iterdir()))
    assert 0 < frames < 150
    for name in ("out.partial.mkv", "out.partial.mp4"):
        report = verify(str(tmp_path / name))
        assert report.passed and report.frames == frames
        with av.open(tmp_path / name) as container:
            assert container.streams.audio


def test_an_interrupt_before_the_first_frame_keeps_nothing(clip: Path, tmp_path: Path) -> None:
    """Nor one in the middle of the last step, which is the second of two names to be given."""
    for stage in ("device@1", "commit@1"):
        result = convert(clip, tmp_path, "SIGINT", stage, "out.mp4", more=("--keep-partial",))
        assert result.returncode == 130, result.stderr
        assert "nothing half-written is left" in result.stderr
        assert not list(tmp_path.iterdir())


def test_partial_outputs_do_not_replace_one_another(clip: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert convert(clip, tmp_path, "SIGINT", "write", "a.b.mp4", more=("--keep-partial",)).returncode == 130
    assert {path.name for path in tmp_path.iterdir()} == {"a.b.partial.mp4", "a.b.2.partial.mp4"}


def test_a_stalled_producer_can_be_interrupted_and_what_came_is_kept(clip: Path, tmp_path: Path) -> None:
    data = clip.read_bytes()
    command = [sys.executable, "-c", SCRIPT, "SIGINT", "none", "convert", "-", "out", "--keep-partial"]
    with subprocess.Popen(
        [*command, "--batch-size", "1"], cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        process.stdin.write(data[: len(data) * 3 // 4])
        process.stdin.flush()  # and nothing more comes
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("out.part/*.exr"))) < 50:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]
    assert verify(str(tmp_path / "out.partial")).frames >= 50


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


def test_a_second_signal_stops_at_once_unless_it_comes_with_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    with pytest.raises(KeyboardInterrupt), Interruption(lambda: told.append(1)) as interruption:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # as `timeout` does: to the process, and to its group
        assert interruption.came and told == [1]
        monkeypatch.setattr("tsexpand.interruption.ONE_PRESS", 0.0)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the later signal did nothing")


@pytest.mark.parametrize(("error", "raised"), [(RuntimeError, KeyboardInterrupt), (OutputError, OutputError)])
def test_what_breaks_after_a_signal_was_broken_by_it(error: type[Exception], raised: type[BaseException]) -> None:
    """A compiler, for one, which Ctrl-C reaches too; but a full disk is a full disk."""
    with pytest.raises(raised), Interruption():
        os.kill(os.getpid(), signal.SIGINT)
        raise error("compiler killed")


def test_without_a_signal_errors_are_what_they_are() -> None:
    with pytest.raises(RuntimeError), Interruption():
        raise RuntimeError


def test_a_signal_is_noted_though_telling_of_it_fails() -> None:
    """Where stderr goes to `tee`, which the same Ctrl-C has ended."""

    def broken() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with Interruption(broken) as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.came


def test_without_a_signal_telling_fails_as_it_does() -> None:
    with pytest.raises(OSError), Interruption() as interruption, interruption.telling():
        raise OSError

"""The command as a process: exit codes, what goes to which stream, what is left."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.codecs.input_clips import write_clip


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tsexpand", *arguments], capture_output=True, text=True, timeout=100, **options
    )  # type: ignore[call-overload,no-any-return]


def write_grey(path: Path) -> None:
    """A clip of two small pictures."""
    planes = tuple(torch.full(size, 90, dtype=torch.uint8) for size in ((32, 32), (16, 16), (16, 16)))
    write_clip(path, [planes] * 2)


def test_help_is_quick_and_does_not_load_torch() -> None:
    code = "import sys; sys.argv = ['tsexpand', 'convert', '--help']\nimport tsexpand.cli\ntsexpand.cli.run()\n"
    code += "print(sorted(m for m in ('torch', 'av', 'numpy', 'rich', 'OpenEXR') if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "--peak" in result.stdout
    assert result.stdout.endswith("[]\n"), result.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith("tsexpand, version 0.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("convert", "missing.mp4", "out"), 3, "missing.mp4"),
        (("convert", "a.mp4"), 2, "Missing argument of INPUT... OUTPUT, which are all needed"),
        (("train", "/nowhere", "w.pth"), 2, "Invalid value for 'DATA...': Directory '/nowhere' does not exist."),
        (("convert", "a.mp4", "out", "--peak", "100"), 2, "not above"),
        (("convert", "a.mp4", "out", "--peak", "nan"), 2, "not above"),
        (("convert", "a.mp4", "out", "--weights", "nonsense"), 5, "nonsense"),
        (("convert", "a.mp4", "out", "--device", "cuda:77"), 6, "cuda:77"),
        (("convert", "a.mp4", "out", "--hwaccel", "cuda", "--device", "cpu"), 6, "the network runs on cpu; name one"),
        (("probe", "missing.mp4"), 3, "missing.mp4"),
    ],
)
def test_failures_are_one_line_and_a_code(
    arguments: tuple[str, ...], code: int, message: str, tmp_path: object
) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert message in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""
    if code != 2:
        assert result.stderr.count("\n") == 1


def test_debug_shows_the_traceback(tmp_path: object) -> None:
    result = run("--debug", "convert", "missing.mp4", "out", cwd=tmp_path)
    assert result.returncode == 3
    assert "Traceback" in result.stderr and result.stderr.splitlines()[-1].startswith("Error: missing.mp4")


def test_one_failing_does_not_stop_the_others(tmp_path: Path) -> None:
    write_grey(tmp_path / "good.mkv")
    (tmp_path / "bad.mkv").write_bytes(b"nothing")
    result = run("convert", "bad.mkv", "good.mkv", "hdr", "--to", "mkv", "--json", "--quiet", cwd=tmp_path)
    bad, good = map(json.loads, result.stdout.splitlines())
    assert result.returncode == 3
    assert (bad["input"], bad["exit_code"]) == ("bad.mkv", 3)
    assert (good["outputs"], good["frames"]) == (["hdr/good.mkv"], 2)
    assert [path.name for path in (tmp_path / "hdr").iterdir()] == ["good.mkv"]
    assert "1 of 2 inputs failed:" in result.stderr


@pytest.mark.parametrize(("source", "code"), [("clip.mkv", 0), ("missing.mkv", 3)])
def test_a_process_ends_at_once_but_whole(source: str, code: int, tmp_path: Path) -> None:
    write_grey(tmp_path / "clip.mkv")
    script = "import atexit, sys, tsexpand.cli\n"
    script += "class Slow:\n    def __del__(self): print('taken apart')\n"
    script += "kept = Slow()\natexit.register(lambda: print('left for the end', end=''))\n"
    script += f"sys.argv = ['tsexpand', 'probe', '{source}']\ntsexpand.cli.main()"
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert result.returncode == code, result.stderr
    assert result.stdout.endswith("left for the end")
    assert ("clip.mkv" in result.stdout) == (code == 0)


def test_what_stays_is_not_looked_at_for_garbage_again_and_again(tmp_path: Path) -> None:
    write_grey(tmp_path / "clip.mkv")
    script = "import atexit, gc, sys, tsexpand.cli\n"
    script += "atexit.register(lambda: print([of['collections'] > 0 for of in gc.get_stats()]))\n"
    script += "sys.argv = ['tsexpand', 'convert', 'clip.mkv', 'out']\ntsexpand.cli.main()"
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert result.stdout.endswith("[True, True, False]\n"), result.stderr  # young objects are


def test_pytorch_is_imported_without_a_look_for_garbage(tmp_path: Path) -> None:
    script = "import gc, sys, tsexpand.cli\n"
    script += "class Watch:\n    def find_spec(self, name, path, target=None):\n"
    script += "        if name == 'torch':\n            print(gc.isenabled())\n"
    script += "sys.meta_path.insert(0, Watch())\n"
    script += "sys.argv = ['tsexpand', 'convert', 'missing.mkv', 'out/']\n"
    script += "code = tsexpand.cli.run()\nprint(code, gc.isenabled())"
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert result.stdout == "False\n3 True\n", result.stderr


def test_a_process_without_streams_fails_by_its_code_only(tmp_path: Path) -> None:
    command = ["sh", "-c", 'exec "$0" -m tsexpand probe missing.mkv >&- 2>&-', sys.executable]
    assert subprocess.run(command, cwd=tmp_path, timeout=100).returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("buffering", ["", "1"])
def test_a_report_to_a_full_disk_is_an_error_of_one_line(buffering: str, tmp_path: Path) -> None:
    write_grey(tmp_path / "clip.mkv")
    command = [sys.executable, "-m", "tsexpand", "probe", "clip.mkv"]
    with Path("/dev/full").open("w") as full:
        streams = {"stdout": full, "stderr": subprocess.PIPE, "text": True}
        environment = os.environ | {"PYTHONUNBUFFERED": buffering}
        result = subprocess.run(command, cwd=tmp_path, env=environment, timeout=100, **streams)
    assert (result.returncode, result.stderr.count("\n")) == (4, 1), result.stderr
    assert result.stderr.startswith("Error: standard output: disk full")


def test_a_failure_of_another_file_is_not_blamed_on_standard_output(tmp_path: Path) -> None:
    script = "import errno, sys, tsexpand.cli, tsexpand.cli.probe as command\n"
    script += "def fail(**_): raise OSError(errno.ENOSPC, 'No space left')\n"
    script += "tsexpand.cli.probe_command.callback = fail\n"
    script += "sys.argv = ['tsexpand', 'probe', 'clip.mkv']\ntsexpand.cli.main()"
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert result.returncode == 1 and result.stderr.splitlines()[-1] == "OSError: [Errno 28] No space left"

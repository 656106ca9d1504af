"""The command as a process: exit codes, what goes to which stream, what is left."""

import subprocess
import sys

import pytest


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tsexpand", *arguments], capture_output=True, text=True, timeout=100, **options
    )  # type: ignore[call-overload,no-any-return]


def test_help_is_quick_and_does_not_load_torch() -> None:
    code = "import sys; sys.argv = ['tsexpand', 'convert', '--help']\nimport tsexpand.cli\ntry: tsexpand.cli.main()\n"
    code += (
        "except SystemExit: print(sorted(m for m in ('torch', 'av', 'numpy', 'rich', 'OpenEXR') if m in sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "--peak" in result.stdout
    assert result.stdout.endswith("[]\n"), result.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith("tsexpand, version 0.")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("convert", "missing.mp4", "out"), 3, "missing.mp4"),
        (("convert", "a.mp4"), 2, "Missing argument"),
        (("convert", "a.mp4", "out", "--peak", "100"), 2, "not above"),
        (("convert", "a.mp4", "out", "--weights", "nonsense"), 5, "nonsense"),
        (("convert", "a.mp4", "out", "--device", "cuda:77"), 6, "cuda:77"),
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

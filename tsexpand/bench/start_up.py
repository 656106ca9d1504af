"""How long a user waits before anything happens."""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

TIME_LIMIT = 120.0
"""Seconds that a command may take."""


def help_seconds(runs: int = 5) -> float:
    """Of `tsexpand --help`, the median of several runs."""
    return statistics.median(_timed([sys.executable, "-m", "tsexpand", "--help"]) for _ in range(runs))


def first_frame_seconds(clip: Path) -> float:
    """From the start of `tsexpand convert` until the first picture of an EXR sequence is written, uncompiled."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tsexpand", "convert", str(clip), f"{folder}/exr", "--quiet"]
        return _timed([*command, "--frames", "1", "--compile", "never"])


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=TIME_LIMIT)
    return time.perf_counter() - began

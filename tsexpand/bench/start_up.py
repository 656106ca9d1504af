"""How long a user waits before anything happens."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from ..errors import InputError

TIME_LIMIT = 120.0
"""Seconds that a command may take."""


def help_seconds(runs: int = 5) -> float:
    """Of `tsexpand --help`, the median of several runs."""
    return statistics.median(_timed([sys.executable, "-m", "tsexpand", "--help"]) for _ in range(runs))


def first_frame_seconds(clip: str, options: Sequence[str]) -> float:
    """From the start of `tsexpand convert` until the first picture of an EXR sequence is written, uncompiled.

    Args:
        clip: a file.
        options: more options of `convert`.

    Raises:
        InputError: it can't be converted.
    """
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tsexpand", "convert", clip, f"{folder}/exr", "--quiet", *options]
        return _timed([*command, "--frames", "1", "--compile", "never"])


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIME_LIMIT)
    if done.returncode:
        raise InputError((done.stderr.strip().splitlines() or ["no reason given"])[-1].removeprefix("Error: "))
    return time.perf_counter() - began

"""How often the system is asked for memory, by a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

from tsexpand import freed_memory

FAULTS = """
import resource
from tsexpand.freed_memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(3 << 20) for _ in range(8)]  # as of a tile: 24 MB in all
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if {keep}:
    keep_freed_memory()
faults()
print(faults())
"""


def second_time(keep: bool, **chosen: str) -> int:
    """Pages that the system gives a process for what it had and freed before."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS.format(keep=keep)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment | chosen)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc only")
def test_what_was_freed_is_not_asked_for_again() -> None:
    if second_time(keep=False) < 1000:
        pytest.skip("the system gives out memory in large pages here")
    assert second_time(keep=True) < 200
    assert second_time(keep=True, MALLOC_MMAP_THRESHOLD_="65536") > 1000  # as the user says


def test_it_does_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in freed_memory._CHOSEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: pytest.fail("looked for"))
    freed_memory.keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())  # a library without it
    freed_memory.keep_freed_memory()

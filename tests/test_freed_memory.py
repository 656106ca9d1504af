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
    keep_freed_memory(2)
faults()
print(faults())
"""

ARENAS = """
import threading
from tsexpand.freed_memory import keep_freed_memory

in_turn, all_of_them = threading.Lock(), threading.Barrier(6)

def freed():
    blocks = [bytearray(3 << 20) for _ in range(8)]

def work():
    with in_turn:
        freed()
    all_of_them.wait()

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

keep_freed_memory({cores})
freed()
before = resident()
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print((resident() - before) >> 20)
"""


def said(program: str, **chosen: str) -> int:
    """A number that a program prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment | chosen)
    return int(done.stdout)


def second_time(keep: bool, **chosen: str) -> int:
    """Pages that the system gives a process for what it had and freed before."""
    return said(FAULTS.format(keep=keep), **chosen)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc only")
def test_what_was_freed_is_not_asked_for_again() -> None:
    if second_time(keep=False) < 1000:
        pytest.skip("the system gives out memory in large pages here")
    assert second_time(keep=True) < 200
    assert second_time(keep=True, MALLOC_ARENA_MAX="2") < 200
    assert second_time(keep=True, MALLOC_MMAP_THRESHOLD_="65536") > 1000  # as the user says
    assert second_time(keep=True, GLIBC_TUNABLES="glibc.malloc.mmap_threshold=65536") > 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc only")
def test_a_thread_uses_what_another_has_freed() -> None:
    assert said(ARENAS.format(cores=2)) < 8  # MB, of which each thread needed 24
    assert said(ARENAS.format(cores=64)) > 3 * 24  # they are many, and are not to wait for one another
    assert said(ARENAS.format(cores=2), MALLOC_ARENA_MAX="16") > 3 * 24  # as the user says
    assert said(ARENAS.format(cores=64), MALLOC_TRIM_THRESHOLD_="100000000") > 3 * 24  # of which that is nothing


def test_it_does_nothing_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: pytest.fail("looked for"))
    freed_memory.keep_freed_memory(2)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())  # a library without it
    freed_memory.keep_freed_memory(2)

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.pipes import Pipe
from tsexpand.errors import Cancelled, InputError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="named pipes are POSIX")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    write_clip(path, [random_planes("yuv420p", seed=seed) for seed in range(20)], audio_seconds=(0.8,))
    return path


@contextmanager
def fed(pipe: Path, content: bytes, *, stalls: bool) -> Iterator[None]:
    """A named pipe with a writer that writes so much, and then either ends or just stays."""
    os.mkfifo(pipe)
    done = threading.Event()

    def write() -> None:
        with pipe.open("wb", buffering=0) as out:
            try:
                out.write(content)
            except BrokenPipeError:
                return
            if stalls:
                done.wait(20)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


def test_a_pipe_decodes_like_the_file(clip: Path, tmp_path: Path) -> None:
    with VideoSource(str(clip)) as source:
        expected = list(source.batches(4))
    with fed(tmp_path / "pipe", clip.read_bytes(), stalls=False), VideoSource(str(tmp_path / "pipe")) as source:
        batches = list(source.batches(4))
    assert [b.timings for b in batches] == [b.timings for b in expected]
    for got, wanted in zip(batches, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(got.planes, wanted.planes, strict=True))
        assert len(got.packets) == len(wanted.packets)


def test_cancel_ends_a_wait_in_another_thread(clip: Path, tmp_path: Path) -> None:
    half = clip.read_bytes()[: clip.stat().st_size // 2]
    ended: list[BaseException] = []

    def decode(source: VideoSource) -> None:
        try:
            list(source.batches(1))
        except BaseException as error:
            ended.append(error)

    with fed(tmp_path / "pipe", half, stalls=True), VideoSource(str(tmp_path / "pipe")) as source:
        thread = threading.Thread(target=decode, args=(source,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        source.cancel()
        source.cancel()
        thread.join(1)
        assert not thread.is_alive()
    assert [type(error) for error in ended] == [Cancelled]
    source.cancel()  # does no harm when all is over


def test_cancel_stops_decoding_of_a_file_too(clip: Path) -> None:
    with VideoSource(str(clip)) as source:
        batches = source.batches(1)
        next(batches)
        source.cancel()
        with pytest.raises(Cancelled):
            list(batches)


@pytest.mark.parametrize("sent", ["nothing", "half"])
def test_an_interrupt_while_it_is_opened(clip: Path, sent: str) -> None:
    """Standard input on the main thread: the signal's handler runs at once, not when the writer goes on."""
    code = "import sys; from tsexpand.codecs.decode import VideoSource; print(1, flush=True)\n"
    code += "with VideoSource('-') as source: list(source.batches(4))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdin.write(b"" if sent == "nothing" else clip.read_bytes()[: clip.stat().st_size // 2])
        process.stdin.flush()
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(2)
        process.wait(5)
        assert process.stderr.read().decode().splitlines()[-1] == "KeyboardInterrupt"


def test_nothing_stays_open(clip: Path, tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208
    with fed(tmp_path / "pipe", clip.read_bytes(), stalls=False), VideoSource(str(tmp_path / "pipe")) as source:
        list(source.batches(4))
    with fed(tmp_path / "junk", b"junk" * 100, stalls=False), pytest.raises(InputError, match="not a media file"):
        VideoSource(str(tmp_path / "junk"))
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


def test_what_the_system_can_not_read(tmp_path: Path) -> None:
    pipe = Pipe(str(tmp_path))  # a folder opens, but does not read
    assert pipe.read(10) == b""
    with pytest.raises(InputError, match=r"can't be read \(Is a directory\)"):
        pipe.check()
    pipe.close()

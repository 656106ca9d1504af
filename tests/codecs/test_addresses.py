"""Inputs from a server: one of our own, on this machine."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.source_options import WHOLE, SourceOptions
from tsexpand.errors import InputError
from tsexpand.frames import SignalBatch


@dataclass
class Served:
    """What a server gives.

    Attributes:
        content: of the one file.
        has_ranges: whether parts of it may be asked for.
        breaks: after how many bytes each connection ends, at first.
        broken: how many have.
        most_broken: how many will.
    """

    content: bytes
    has_ranges: bool = True
    breaks: int | None = None
    broken: int = 0
    most_broken: int = 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Served

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        served, size = self.served, len(self.served.content)
        self.close_connection = True
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(asked[1]) if asked and served.has_ranges else 0
        self.send_response(206 if asked and served.has_ranges else 200)
        if served.has_ranges:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        end = size
        if served.breaks is not None and served.broken < served.most_broken and start + served.breaks < size:
            served.broken += 1
            end = start + served.breaks
        with suppress(OSError):  # who asked has enough
            self.wfile.write(served.content[start:end])


@contextmanager
def serving(served: Served) -> Iterator[str]:
    """The address of the file."""
    handler = type("Handler", (_Handler,), {"served": served})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/a%20clip.mkv?token=1"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mkv"
    write_clip(path, [random_planes("yuv420p", seed=seed) for seed in range(40)], audio_seconds=(1.6,))
    return path


def read(name: str, options: SourceOptions = WHOLE) -> list[SignalBatch]:
    with VideoSource(name, options) as source:
        return list(source.batches(4))


def mp4(clip: Path, *, faststart: bool) -> bytes:
    """The same streams in MP4, its index last or first."""
    path = clip.with_suffix(".mp4")
    flags = {"movflags": "faststart"} if faststart else {}
    with av.open(clip) as source, av.open(path, "w", options=flags) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return path.read_bytes()


@pytest.mark.parametrize("has_ranges", [True, False])
def test_an_address_decodes_like_the_file(clip: Path, has_ranges: bool) -> None:
    expected = read(str(clip))
    with serving(Served(clip.read_bytes(), has_ranges)) as address:
        batches = read(address)
    assert [b.timings for b in batches] == [b.timings for b in expected]
    for got, wanted in zip(batches, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(got.planes, wanted.planes, strict=True))
        assert len(got.packets) == len(wanted.packets)


def test_a_part_of_an_address_is_that_of_the_file(clip: Path) -> None:
    options = SourceOptions(start=Fraction(1), frames=3)
    with serving(Served(clip.read_bytes())) as address:
        assert [b.timings for b in read(address, options)] == [b.timings for b in read(str(clip), options)]


def test_a_connection_that_breaks_is_made_again(clip: Path) -> None:
    content = clip.read_bytes()
    served = Served(content, breaks=len(content) // 2)
    with serving(served) as address:
        batches = read(address)
    assert served.broken == 1
    assert sum(map(len, batches)) == 40


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_server_that_breaks_for_good_is_an_error(clip: Path, has_ranges: bool) -> None:
    content = clip.read_bytes()
    served = Served(content, has_ranges, breaks=0 if has_ranges else len(content) // 2, most_broken=1000)
    with serving(served) as address, pytest.raises(InputError):
        read(address)


def test_an_mp4_whose_index_is_last_needs_ranges(clip: Path) -> None:
    content = mp4(clip, faststart=False)
    with serving(Served(content)) as address:
        assert sum(map(len, read(address))) == 40
    told = "a server without byte ranges needs its index in front"
    with serving(Served(content, has_ranges=False)) as address, pytest.raises(InputError, match=told):
        read(address)
    with serving(Served(mp4(clip, faststart=True), has_ranges=False)) as address:
        assert sum(map(len, read(address))) == 40


def test_no_server(clip: Path) -> None:
    with serving(Served(b"")) as address:
        pass
    with pytest.raises(InputError, match=r"can't be opened \(Connection refused\)"):
        read(address)

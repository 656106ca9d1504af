"""Files that were harmed by chance: no crash, no hang, nothing half-written, and a line that says why.

A child process converts one after the other, and says of which it begins; so a crash or a hang has a name.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.codecs.input_clips import random_planes, write_clip
from tests.conversions import IDENTITY, options
from tests.test_convert import TAGS

KINDS = {
    "ffv1.mkv": ("ffv1", "yuv420p", {}),
    "h264.mp4": ("libx264", "yuv420p", {"bf": "2", "g": "4"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "h264.ts": ("libx264", "yuv420p", {"bf": "0", "g": "3"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "prores.mov": ("prores_ks", "yuv422p10le", {}),
}
SECONDS = 60.0
"""That one file may take; usual are a tenth."""


def make_clips(folder: Path) -> list[Path]:
    """A small valid clip of each kind."""
    paths = []
    for name, (codec, pixel_format, settings) in KINDS.items():
        pictures = [random_planes(pixel_format, 64, 48, seed=i) for i in range(6)]
        write_clip(folder / name, pictures, pixel_format, codec, tags=TAGS, options=settings)
        paths.append(folder / name)
    return paths


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Cut short, with bits turned, zeros, or a piece of another file."""
    harmed = bytearray(data)
    kind = rng.choice(("truncate", "flip", "zero", "splice"))
    if kind == "truncate":
        return bytes(harmed[: rng.randrange(len(harmed))])
    for _ in range(rng.choice((1, 3, 20))):
        place, length = rng.randrange(len(harmed)), rng.choice((1, 4, 64, 512))
        if kind == "flip":
            harmed[place] ^= 1 << rng.randrange(8)
        elif kind == "zero":
            harmed[place : place + length] = bytes(len(harmed[place : place + length]))
        else:
            begin = rng.randrange(len(other))
            harmed[place : place + length] = other[begin : begin + length]
    return bytes(harmed)


def mutants(folder: Path, count: int) -> Iterator[Path]:
    """So many harmed files, the same ones every time."""
    clips = [path.read_bytes() for path in make_clips(folder)]
    names = list(KINDS)
    for number in range(count):
        rng = random.Random(number)
        index = number % len(names)
        path = folder / f"{number:04}_{names[index]}"
        path.write_bytes(mutated(clips[index], clips[rng.randrange(len(clips))], rng))
        yield path


def convert_all(folder: Path, count: int) -> None:
    """The child: an object a line for what begins, and one for what became of it."""
    from tsexpand.convert import convert
    from tsexpand.errors import TsexpandError
    from tsexpand.verify import verify

    torch.set_num_threads(1)
    for path in mutants(folder, count):
        print(json.dumps({"begins": path.name}), flush=True)
        place = folder / f"{path.name}.out"
        place.mkdir()
        repeat = int(path.name[:4]) % 2 == 1
        try:
            report = convert(options(path, place / "out.mkv", repeats=repeat, scales=repeat), IDENTITY)
        except TsexpandError as error:
            left = [found.name for found in place.iterdir()]
            result = {"error": str(error), "left": left, "code": error.exit_code}
        else:
            found = verify(str(place / "out.mkv"))
            failed = [check.name for check in found.checks if not check.passed and not check.name.startswith("Max")]
            result = {"frames": report.frames, "found": found.frames, "failed": failed}
        print(json.dumps(result), flush=True)


def outcomes(folder: Path, count: int) -> list[dict[str, object]]:
    """What became of each; an AssertionError names the one that crashed or hung."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.test_mutations", str(folder), str(count)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            output, errors = child.communicate(timeout=SECONDS + 5.0 * count)
            ended = f"ended with {child.returncode}"
        except subprocess.TimeoutExpired:
            child.kill()
            output, errors = child.communicate()
            ended = "hung"
    lines = [json.loads(line) for line in output.splitlines()]
    results = [line for line in lines if "begins" not in line]
    begun = [line["begins"] for line in lines if "begins" in line]
    assert len(results) == count, f"{begun[-1:]} {ended}: {errors[-3000:]}"
    return [{"name": name, **result} for name, result in zip(begun, results, strict=True)]


def check(results: list[dict[str, object]]) -> None:
    for result in results:
        if "error" in result:
            assert result["left"] == [], result
            assert result["code"] == 3 and "\n" not in str(result["error"]), result
            assert str(result["name"]) in str(result["error"]), result
        else:
            assert result["frames"] == result["found"] and not result["failed"], result


def test_harmed_files_neither_crash_nor_hang_nor_leave_anything(tmp_path: Path) -> None:
    check(outcomes(tmp_path, 24))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_harmed_files(tmp_path: Path) -> None:
    results = outcomes(tmp_path, 300)
    check(results)
    refused = sum("error" in result for result in results)
    print(f"{refused} refused, {len(results) - refused} converted")


if __name__ == "__main__":
    convert_all(Path(sys.argv[1]), int(sys.argv[2]))

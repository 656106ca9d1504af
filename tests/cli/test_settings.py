"""The record of a run: everything that was asked for, and enough to do it again."""

import hashlib
import json
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch

from tests.codecs.input_clips import write_clip
from tests.conversions import exr_light, video_codes
from tests.test_convert import TAGS, flat
from tsexpand.cli import cli
from tsexpand.cli.convert import convert_command
from tsexpand.cli.parameters import FrameRate
from tsexpand.cli.settings import settings
from tsexpand.codecs.encoders import LIBRARIES
from tsexpand.network.weights import find_weights

NOT_OF_THE_PICTURE = {
    "--also",
    "--preview-tone",
    "--to",
    "--overwrite",
    "--keep-partial",
    "--json",
    "--quiet",
    "--help",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a clip of noise that denoising and encoding would change."""
    generator = torch.Generator().manual_seed(0)
    pictures = []
    for i in range(6):
        luma, cb, cr = flat(150 + 8 * i, 120, 140)
        luma += torch.randint(0, 40, luma.shape, generator=generator, dtype=torch.uint8)
        pictures.append((luma, cb, cr))
    write_clip(tmp_path / "clip.mkv", pictures, tags=TAGS)
    return tmp_path


def arguments(options: dict[str, Any]) -> list[str]:
    """Options of a sidecar as the command line takes them, as docs/sidecar.md says."""
    result = []
    for name, value in options.items():
        if isinstance(value, bool):
            switches = {s for p in convert_command.params for s in p.opts + p.secondary_opts}
            chosen = f"--{name}" if value else f"--no-{name}"
            result += [chosen] if chosen in switches else []
        elif value is not None:
            result += [f"--{name}", str(value)]
    return result


def convert(*values: str | Path) -> None:
    assert cli.main(["convert", "--quiet", *map(str, values)], standalone_mode=False) == 0


def sidecar(path: Path) -> Any:
    return json.loads(path.read_text())


CHANGED = "--peak 600 --reference-white 150 --no-denoise --smooth --start 0.04 --frames 4 --codec hevc --crf 9 --preset fast --input-transfer srgb --weights baseRec"  # noqa: E501  (as typed)


@pytest.mark.parametrize("typed", ["", CHANGED])
def test_a_run_can_be_repeated_from_its_sidecar(folder: Path, typed: str) -> None:
    if "baseRec " in f"{typed} ":
        typed = typed.replace("baseRec", str(find_weights("baseRec_tuningRec")))
    clip = folder / "clip.mkv"
    convert(clip, folder / "one.mkv", "--also", folder / "one", "--also", folder / "one.json", *typed.split())
    record = sidecar(folder / "one.json")
    options = arguments(record["options"])
    convert(clip, folder / "two.mkv", "--also", folder / "two", "--also", folder / "two.json", *options)
    again = sidecar(folder / "two.json")
    assert torch.equal(exr_light(folder / "one"), exr_light(folder / "two"))
    assert all(
        np.array_equal(*planes)
        for planes in zip(video_codes(folder / "one.mkv"), video_codes(folder / "two.mkv"), strict=True)
    )
    for changes in ("command", "outputs"):
        del record[changes], again[changes]
    assert record == again


def test_weights_and_command_are_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["convert", str(folder / "clip.mkv"), str(folder / "a.json"), "--frames", "1", "--quiet"]
    monkeypatch.setattr(sys, "argv", ["/usr/bin/tsexpand", *typed])
    assert cli.main(standalone_mode=False) == 0
    record = sidecar(folder / "a.json")
    assert record["command"] == ["tsexpand", *typed]
    name = record["options"]["weights"]
    expected = hashlib.sha256(find_weights(name).read_bytes()).hexdigest()
    assert record["weights"] == {"name": name, "sha256": expected}
    assert name in record["engine"] and record["options"]["precision"] in record["engine"]


def test_no_option_is_left_out_and_none_is_left_open(folder: Path) -> None:
    convert(folder / "clip.mkv", folder / "a.json", "--frames", "1")
    recorded = {f"--{name}" for name in sidecar(folder / "a.json")["options"]}
    all_of_them = {p.opts[0] for p in convert_command.params if isinstance(p, click.Option)}
    assert recorded == all_of_them - NOT_OF_THE_PICTURE
    options = sidecar(folder / "a.json")["options"]
    assert options["precision"] != "auto" and options["compile"] != "auto" and options["device"] != "auto"
    assert (options["crf"], options["preset"]) == (14, "faster")


def test_settings_are_of_json() -> None:
    values = {"start": Fraction(625, 10), "denoise": False, "crf": None, "also": (Path("x"),), "compilation": "auto"}
    found = settings(convert_command, values)
    assert found == {"start": 62.5, "denoise": False, "crf": None, "compile": "auto"}
    json.dumps(found)


def test_several_inputs_do_not_make_one_document(folder: Path) -> None:
    with pytest.raises(click.UsageError, match="need a folder"):
        convert(folder / "clip.mkv", folder / "clip.mkv", folder / "a.json")


def test_a_document_goes_with_raw_pictures_and_standard_input(folder: Path, tmp_path: Path) -> None:
    import subprocess

    command = [sys.executable, "-m", "tsexpand", "convert", "-", "-", "--also", str(folder / "a.json"), "--frames", "2"]
    with (folder / "clip.mkv").open("rb") as clip:
        done = subprocess.run(command, stdin=clip, capture_output=True, timeout=120, check=True)
    assert done.stdout.startswith(b"YUV4MPEG2")
    record = sidecar(folder / "a.json")
    assert (record["source"]["input"], record["source"]["bytes"]) == ("-", None)
    assert len(record["frames"]) == 2


@pytest.mark.parametrize(("typed", "noted"), [("23.976", "24000/1001"), ("12.5", 12.5), ("24", 24.0)])
def test_a_frame_rate_is_noted_so_that_it_reads_the_same_again(typed: str, noted: object) -> None:
    rate = FrameRate().convert(typed, None, None)
    assert settings(convert_command, {"frame_rate": rate})["frame-rate"] == noted
    assert FrameRate().convert(str(noted), None, None) == rate


def test_help_names_the_defaults_of_each_codec() -> None:
    told = {p.name: p.help or "" for p in convert_command.params if isinstance(p, click.Option)}
    for name in ("hevc", "av1", "hevc_nvenc", "av1_nvenc"):
        quality = LIBRARIES[name].quality
        assert quality is not None
        assert re.search(rf"\b{quality.crf:g}\b", told["crf"]) and f"({quality.preset}" in told["preset"]

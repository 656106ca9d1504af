"""What `verify` finds of whole deliveries, and of such that were harmed."""

import random
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import click
import pytest
import torch
from click.testing import CliRunner, Result

from tests.codecs.input_clips import write_clip
from tests.conversions import IDENTITY, options
from tests.test_convert import TAGS, columns, flat
from tests.test_mutations import mutated
from tsexpand.cli.convert import convert_command
from tsexpand.cli.verify import SHARED, verify_command
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.exr import Compression, read_exr, write_exr
from tsexpand.codecs.images import png
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.colour.hdr10 import ContentLight
from tsexpand.colour.signal import HLG10
from tsexpand.convert import convert
from tsexpand.errors import InputError
from tsexpand.verify import Check, verify

FRAMES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with black bars and sound, and what is made of it in each kind."""
    folder = tmp_path_factory.mktemp("verify")
    pictures = [columns([flat(16, width=64), flat(100 + 10 * i, width=64), flat(235, width=64)]) for i in range(FRAMES)]
    write_clip(folder / "clip.mkv", pictures, tags=TAGS, audio_seconds=(0.3,))
    outputs = [folder / name for name in ("out.mkv", "out.mp4", "exr")]
    convert(options(folder / "clip.mkv", *outputs), IDENTITY)
    convert(options(folder / "clip.mkv", folder / "hlg.mkv", signal=HLG10), IDENTITY)
    for codec, name in (("prores", "edit.mov"), ("prores_4444", "grade.mkv"), ("ffv1", "keep.mkv")):
        convert(options(folder / "clip.mkv", folder / name, encoder=EncoderOptions(codec)), IDENTITY)
    return folder


def failed(name: Path, source: Path | None = None) -> dict[str, str]:
    report = verify(str(name), None if source is None else str(source))
    assert report.passed == all(check.passed for check in report.checks)
    return {check.name: check.detail for check in report.checks if not check.passed}


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "exr", "hlg.mkv", "edit.mov", "grade.mkv", "keep.mkv"])
def test_what_we_write_passes(folder: Path, name: str) -> None:
    report = verify(str(folder / name), str(folder / "clip.mkv"))
    assert [check for check in report.checks if not check.passed] == []
    assert report.frames == FRAMES
    names = {check.name for check in report.checks}
    assert {"frame count", "times", "black", "pictures"} <= names
    assert names >= ({"finite", "numbers of clip.*"} if name == "exr" else {"colour tags", "audio 1", "audio 1 sync"})


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_light_levels_that_are_not_so_are_found(folder: Path, tmp_path: Path, name: str) -> None:
    path = shutil.copy(folder / name, tmp_path / name)
    data = path.read_bytes()
    levels = verify(str(path)).checks
    true = next(check for check in levels if check.name == "MaxCLL").detail
    assert " declared" in true
    # The placeholder of an encoding that never came to its end.
    report = failed(_patched(path, data, ContentLight(4000, 400)))
    assert report.keys() == {"MaxCLL", "MaxFALL"}


def _patched(path: Path, data: bytes, light: ContentLight) -> Path:
    """With other levels everywhere."""
    check = next(c for c in verify(str(path)).checks if c.name == "light levels agree")
    cll, fall = map(int, check.detail.split()[1].rstrip(",").split("/"))
    old, new = (bytes([n >> 8, n & 255, m >> 8, m & 255]) for n, m in ((cll, fall), (light.max_cll, light.max_fall)))
    changed = data.replace(old, new)
    # In Matroska's header they are elements of their own.
    for kind, before, after in ((b"\x55\xbc", cll, light.max_cll), (b"\x55\xbd", fall, light.max_fall)):
        element = kind + b"\x82"
        changed = changed.replace(element + before.to_bytes(2, "big"), element + after.to_bytes(2, "big"))
    path.write_bytes(changed)
    return path


def test_keyframes_and_container_that_disagree_are_found(folder: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(folder / "out.mp4", tmp_path / "out.mp4"))
    data = path.read_bytes()
    place = data.index(b"clli") + 4
    path.write_bytes(data[:place] + b"\x0f\xa0\x01\x90" + data[place + 4 :])
    assert failed(path).keys() == {"light levels agree"}


def test_intermediates_without_a_mastering_display_are_found(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "edit.mov"
    path.write_bytes((folder / "edit.mov").read_bytes().replace(b"mdcv", b"free"))
    assert failed(path).keys() == {"mastering display"}


def test_a_changed_bit_of_an_archive_is_found(folder: Path, tmp_path: Path) -> None:
    path, data = tmp_path / "keep.mkv", bytearray((folder / "keep.mkv").read_bytes())
    with av.open(str(folder / "keep.mkv")) as source:
        third = [bytes(packet) for packet in source.demux(video=0) if packet.size][2]
    data[data.index(third) + len(third) // 2] ^= 1
    path.write_bytes(data)
    assert failed(path)["checksums"] == "1 pictures damaged, first picture 3"


def test_a_file_that_was_cut_off_is_found(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    data = (folder / "out.mp4").read_bytes()
    path.write_bytes(data)
    with path.open("r+b") as file:  # the index, in front, promises what is no longer there
        file.truncate(len(data) * 2 // 3)
    found = failed(path)
    assert "pictures" in found


def test_other_numbers_of_pictures_and_other_sound_are_found(folder: Path, tmp_path: Path) -> None:
    pictures = [flat(100, width=192)] * (FRAMES + 2)
    write_clip(tmp_path / "other.mkv", pictures, tags=TAGS, audio_seconds=(0.3, 0.3))
    found = failed(folder / "out.mkv", tmp_path / "other.mkv")
    assert (
        found["frame count"]
        == f"{FRAMES}, the source has {FRAMES + 2}; if it is an excerpt, give its --start and --frames"
    )
    assert found["audio 2"].startswith("0 bytes")


def test_sound_that_is_not_there_is_of_no_other_codec(folder: Path, tmp_path: Path) -> None:
    with av.open(folder / "out.mkv") as source, av.open(tmp_path / "mute.mkv", "w") as output:
        video = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = video
                output.mux(packet)
    detail = failed(tmp_path / "mute.mkv", folder / "clip.mkv")["audio 1"]
    assert detail.startswith("0 ") and "codec" not in detail


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_subtitles_that_were_recoded_are_compared(folder: Path, tmp_path: Path, suffix: str) -> None:
    with av.open(str(folder / "clip.mkv")) as clip, av.open(str(tmp_path / "in.mkv"), "w") as out:
        video = out.add_stream_from_template(clip.streams.video[0], opaque=True)
        text = out.add_mux_stream("subrip", time_base=Fraction(1, 1000))
        packets = [(packet, video) for packet in clip.demux(clip.streams.video[0]) if packet.size]
        for begin, duration in ((40, 120), (80, 40), (200, 80)):  # two of them overlap
            line = av.Packet(b"Hello")
            line.pts, line.dts, line.duration, line.time_base = begin, begin, duration, Fraction(1, 1000)
            packets.append((line, text))
        for packet, stream in sorted(packets, key=lambda pair: pair[0].dts * pair[0].time_base):
            packet.stream = stream
            out.mux(packet)
    convert(options(tmp_path / "in.mkv", tmp_path / f"out.{suffix}"), IDENTITY)
    found = checks(tmp_path / f"out.{suffix}", tmp_path / "in.mkv")
    assert found["subtitle 1"].passed
    assert found["subtitle 1 sync"].passed
    assert ("another codec" in found["subtitle 1"].detail) == (suffix == "mp4")


def test_sdr_is_no_hdr(folder: Path) -> None:
    found = failed(folder / "clip.mkv")
    assert "colour tags" in found and "bit depth" in found


def test_black_that_glows_is_found(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "exr", tmp_path / "exr")
    path = sorted((tmp_path / "exr").iterdir())[3]
    light = read_exr(path)
    light[:, 20:24, 8:12] = 0.01  # 2 cd/m² on a bar
    _rewritten(path, light)
    assert failed(tmp_path / "exr", folder / "clip.mkv").keys() >= {"black"}


def _rewritten(path: Path, light: torch.Tensor) -> None:
    attributes = {"whiteLuminance": 203.0, "chromaticities": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)}
    write_exr(path, light.half(), attributes, Compression.ZIP)


def test_holes_and_gaps_of_a_sequence_are_found(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "exr", tmp_path / "exr")
    paths = sorted((tmp_path / "exr").iterdir())
    paths[2].unlink()
    paths[5].write_bytes(b"not a picture")
    light = read_exr(paths[6])
    light[0, 0, 0] = float("nan")
    _rewritten(paths[6], light)
    found = failed(tmp_path / "exr", folder / "clip.mkv")
    assert found["numbers of clip.*"] == "1 missing, first 3"
    assert found["finite"] == "1 values are not finite"
    assert "pictures" in found and "frame count" in found


def test_the_lines_say_what_passed(folder: Path) -> None:
    from tsexpand.cli.verify import verify_lines

    lines = verify_lines(verify(str(folder / "out.mp4")))
    assert lines[0].endswith("out.mp4") and lines[-1].startswith("all ") and lines[-1].endswith("checks passed")
    assert all(line.startswith("pass  ") for line in lines[1:-1])


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_a_harmed_delivery_is_judged_or_refused(folder: Path, tmp_path: Path, name: str) -> None:
    data = (folder / name).read_bytes()
    path = tmp_path / name
    for number in range(40):
        path.write_bytes(mutated(data, data, random.Random(number)))
        with suppress(InputError):
            verify(str(path))


def checks(name: Path, source: str | Path, **reading: Any) -> dict[str, Check]:
    return {check.name: check for check in verify(str(name), str(source), reading=SourceOptions(**reading)).checks}


@pytest.mark.parametrize("name", ["part.mkv", "part"])
def test_an_excerpt_is_confirmed_where_it_is_said(folder: Path, tmp_path: Path, name: str) -> None:
    part = {"start": Fraction(2, 25), "frames": 4}
    convert(options(folder / "clip.mkv", tmp_path / name, **part), IDENTITY)
    assert [c for c in checks(tmp_path / name, folder / "clip.mkv", **part).values() if not c.passed] == []
    whole = checks(tmp_path / name, folder / "clip.mkv")["frame count"]
    assert whole.detail == "4, the source has 8; if it is an excerpt, give its --start and --frames"
    short = checks(tmp_path / name, folder / "clip.mkv", frames=5)["frame count"]
    assert not short.passed and short.detail == "4, the source has 5"


@pytest.mark.parametrize("pattern", ["", "shot.%03d.png"])
@pytest.mark.parametrize("name", ["out.mkv", "out"])
def test_pictures_are_sources_as_well(tmp_path: Path, pattern: str, name: str) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for number in range(4):
        picture = torch.full((1, 3, 48, 64), 40 * number, dtype=torch.uint8)
        picture[..., :20] = 0
        (place / f"shot.{number:03}.png").write_bytes(png(picture[0]))
    source = str(place / pattern) if pattern else str(place)
    rate = Fraction(10)
    convert(replace(options(place, tmp_path / name, frame_rate=rate), source=source), IDENTITY)
    found = checks(tmp_path / name, source, frame_rate=rate)
    assert [check for check in found.values() if not check.passed] == []
    assert {"frame count", "times", "black"} <= found.keys()
    if name == "out.mkv":
        assert not checks(tmp_path / name, source, frame_rate=Fraction(25))["times"].passed


def test_what_is_wrong_with_the_source_is_not_blamed_on_the_delivery(folder: Path, tmp_path: Path) -> None:
    pictures = [flat(100 + i, width=192) for i in range(FRAMES)]
    write_clip(tmp_path / "bad.mkv", pictures, tags=TAGS, damage={3: b"nothing"})
    convert(options(tmp_path / "bad.mkv", tmp_path / "out.mkv", repeats=True), IDENTITY)
    assert checks(tmp_path / "out.mkv", tmp_path / "bad.mkv", repeats=True)["pictures"].passed
    arguments = [str(tmp_path / "out.mkv"), "--quiet", "--source", str(tmp_path / "bad.mkv")]
    error = run(*arguments).exception
    assert isinstance(error, InputError) and error.exit_code == 3
    assert str(error).startswith(f"{tmp_path / 'bad.mkv'}: undecodable at 00:00:00.120")
    assert "--on-corrupt repeat" in str(error)
    lines = run(*arguments, "--on-corrupt", "repeat").output.splitlines()
    assert "pass  frame count         8, the source has 8" in lines


def test_a_source_that_breaks_behind_the_deliverys_end_is_told(folder: Path, tmp_path: Path) -> None:
    pictures = [flat(100 + i, width=192) for i in range(FRAMES)]
    write_clip(tmp_path / "bad.mkv", pictures, tags=TAGS, damage={6: b"nothing"})
    convert(options(tmp_path / "bad.mkv", tmp_path / "exr", frames=3), IDENTITY)
    with pytest.raises(InputError, match=r"bad\.mkv: undecodable at 00:00:00\.240"):
        checks(tmp_path / "exr", tmp_path / "bad.mkv")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(verify_command, arguments, standalone_mode=False)


def test_the_command_takes_the_options_of_convert(folder: Path, tmp_path: Path) -> None:
    convert(options(folder / "clip.mkv", tmp_path / "part.mp4", start=Fraction(2, 25), frames=4), IDENTITY)
    arguments = (str(tmp_path / "part.mp4"), "--source", str(folder / "clip.mkv"), "--quiet")
    result = run(*arguments, "--start", "0.08", "--frames", "4")
    assert result.return_value == 0, result.output
    assert run(*arguments).return_value == 1
    assert set(SHARED) <= {option.name for option in convert_command.params}


def test_options_of_the_source_need_one(folder: Path) -> None:
    error = run(str(folder / "out.mp4"), "--frames", "4", "--deinterlace", "frame").exception
    assert isinstance(error, click.UsageError)
    assert error.message == "--frames, --deinterlace: of the source, which --source names"


def test_single_pictures_are_none_of_its_business(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "one.png"
    picture.write_bytes(png(torch.zeros((3, 48, 64), dtype=torch.uint8)))
    outputs = [tmp_path / f"out.{suffix}" for suffix in ("avif", "hdr", "exr", "png")]
    for output in outputs:
        convert(options(picture, output), IDENTITY)
    (tmp_path / "folder").mkdir()
    shutil.copy(tmp_path / "out.avif", tmp_path / "folder")
    (tmp_path / "shot.1.png").write_bytes(picture.read_bytes())
    for name in (*outputs, picture, tmp_path / "folder", tmp_path / "shot.%d.png"):
        with pytest.raises(InputError, match="verify checks video and EXR sequences, not single pictures") as caught:
            verify(str(name))
        assert str(caught.value).startswith(f"{name}: ")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no numbered \.exr picture"):
        verify(str(tmp_path / "empty"))


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_a_matroska_file_that_was_cut_off_is_said_to_be(folder: Path, tmp_path: Path, share: float) -> None:
    data = (folder / "out.mkv").read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(data[: int(len(data) * share)])
    found = failed(path)
    assert "cut off" in found["pictures"] and "to the end" not in found["pictures"]


def test_what_can_t_be_parsed_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "torn.mkv"
    path.write_bytes((folder / "out.mkv").read_bytes() + b"\x1c\x53\xbb\x6b")  # an element without a size
    assert failed(path) == {"static metadata": "can't be read: the file is cut off or damaged"}


def test_the_end_of_an_mp4_is_looked_for(folder: Path, tmp_path: Path) -> None:
    data = (folder / "out.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[:-1])
    assert "cut off" in failed(path)["pictures"]


def test_where_metadata_is_missing_is_said(folder: Path, tmp_path: Path) -> None:
    data = (folder / "out.mp4").read_bytes()
    path = tmp_path / "bare.mp4"
    path.write_bytes(data.replace(b"mdcv", b"free").replace(b"clli", b"free"))
    found = failed(path)
    assert found["mastering display"] == "missing in the header, there in 1 of 1 keyframes"
    assert found["light levels agree"].startswith(
        "missing in the header, there in 1 of 1 keyframes (MaxCLL/MaxFALL "
    ) and found["light levels agree"].endswith(" in keyframes)")
    path.write_bytes((folder / "edit.mov").read_bytes().replace(b"mdcv", b"free").replace(b"clli", b"free"))
    found = failed(path)
    assert found == {"mastering display": "missing in the header", "light levels agree": "missing in the header"}
    place = data.index(b"clli") + 4
    path.write_bytes(data[:place] + b"\x0f\xa0\x01\x90" + data[place + 4 :])
    detail = failed(path)["light levels agree"]
    assert detail.startswith("they differ: MaxCLL/MaxFALL 4000/400 in the header and ")
    assert detail.endswith(" in keyframes")


@pytest.mark.parametrize(("codec", "said"), [("hevc", "declared as 0, unknown"), ("ffv1", "not declared")])
def test_light_levels_of_a_stream_are_unknown_and_not_0(folder: Path, tmp_path: Path, codec: str, said: str) -> None:
    """What was written to a pipe keeps the levels 0, which its bitstream escapes; its segment has no size.

    In Matroska's header FFmpeg leaves them away.
    """
    command = [sys.executable, "-c", PIPED, str(folder / "clip.mkv"), codec]
    path = tmp_path / "piped.mkv"
    path.write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    report = verify(str(path))
    assert [check for check in report.checks if not check.passed] == []
    assert any(c.name == "light levels" and c.detail.startswith(said) for c in report.checks)


PIPED = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.conversions import IDENTITY, options
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.sinks.pipe import PipeFormat
from tsexpand.convert import convert
made = options(Path(sys.argv[1]), Path("-"), encoder=EncoderOptions(sys.argv[2]))
convert(replace(made, delivery=replace(made.delivery, pipe_format=PipeFormat("mkv"))), IDENTITY)
"""


def test_a_damaged_picture_of_the_source_ends_it(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    for number in range(3):
        picture = torch.full((3, 48, 64), 40 * number, dtype=torch.uint8)
        (place / f"{number}.png").write_bytes(png(picture))
    (place / "1.png").write_bytes((place / "1.png").read_bytes()[:60])
    convert(options(place, tmp_path / "exr", frame_rate=Fraction(10), repeats=True), IDENTITY)
    with pytest.raises(InputError, match=r"1\.png: .*--on-corrupt repeat"):
        checks(tmp_path / "exr", place, frame_rate=Fraction(10))
    found = checks(tmp_path / "exr", place, frame_rate=Fraction(10), repeats=True)
    assert [check for check in found.values() if not check.passed] == []

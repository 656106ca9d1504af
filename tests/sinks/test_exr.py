import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import OpenEXR
import pytest
import torch

from tests.codecs.written import witness
from tests.sinks.batches import light_batch, video_info
from tsexpand import cores
from tsexpand.codecs.companions import Companions
from tsexpand.codecs.encoders import EncoderOptions
from tsexpand.codecs.exr import Compression, ExrPrimaries, read_exr, read_exr_colour
from tsexpand.errors import OutputError
from tsexpand.sinks import delivery, exr
from tsexpand.sinks.exr import ExrSink, scene_light


def sink(output: Path, **options: Any) -> ExrSink:
    defaults = {
        "info": video_info(),
        "compression": Compression.ZIP,
        "reference_white": 203.0,
        "overwrite": False,
        "threads": 2,
    }
    return ExrSink(output, **(defaults | options))


def write(target: ExrSink, frames: int) -> None:
    with target:
        for index in range(frames):
            target.write(target.prepare(light_batch(203.0 * (index + 1), [index])))
        target.finish()
        target.commit()


def test_reference_white_is_one_and_numbers_count(tmp_path: Path) -> None:
    write(sink(tmp_path / "out"), 12)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [f"clip.{number:06}.exr" for number in range(1, 13)]
    assert read_exr(tmp_path / "out" / "clip.000003.exr").unique().tolist() == [3.0]
    assert not (tmp_path / "out.part").exists()


def test_the_first_picture_has_the_time_code_of_the_source(tmp_path: Path) -> None:
    target = sink(tmp_path / "out", info=video_info(time_code="10:00:00:23"))
    with target:
        for pts in (36, 37):  # 1.5 s, as in a recording of a broadcast
            target.write(target.prepare(light_batch(203.0, [pts])))
        target.finish()
        target.commit()
    codes = [OpenEXR.File(str(p), header_only=True).header()["timeCode"] for p in sorted((tmp_path / "out").iterdir())]
    assert [(c.hours, c.minutes, c.seconds, c.frame) for c in codes] == [(10, 0, 0, 23), (10, 0, 1, 0)]


def test_uncommitted_leaves_nothing(tmp_path: Path) -> None:
    target = sink(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt), target:
        target.write(target.prepare(light_batch(1.0, [0])))
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_an_existing_sequence_is_only_replaced_when_told(tmp_path: Path) -> None:
    write(sink(tmp_path / "out"), 3)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write(sink(tmp_path / "out"), 1)
    write(sink(tmp_path / "out", overwrite=True), 2)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["clip.000001.exr", "clip.000002.exr", "notes.txt"]


def test_a_folder_of_other_things_is_joined(tmp_path: Path) -> None:
    (tmp_path / "other.000001.exr").write_bytes(b"another sequence")
    write(sink(tmp_path), 1)
    assert (tmp_path / "clip.000001.exr").exists() and (tmp_path / "other.000001.exr").exists()


def test_a_link_to_an_empty_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk", target_is_directory=True)
    write(sink(tmp_path / "link"), 2)
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["clip.000001.exr", "clip.000002.exr"]


def test_an_interruption_does_not_cut_the_moving_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(sink(tmp_path / "out"), 4)
    main, replace = threading.main_thread(), Path.replace

    def interrupted(path: Path, target: Path) -> Path:
        if target.name == "clip.000002.exr":
            signal.pthread_kill(main.ident or 0, signal.SIGINT)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(sink(tmp_path / "out", overwrite=True), 3)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["clip.000001.exr", "clip.000002.exr", "clip.000003.exr"]


def test_a_phone_held_upright_gives_upright_pictures(tmp_path: Path) -> None:
    quarter = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    info = video_info(display_matrix=quarter, sample_aspect_ratio=Fraction(4, 3))
    write(sink(tmp_path / "out", info=info), 1)
    assert read_exr(tmp_path / "out" / "clip.000001.exr").shape == (3, 64, 48)


def test_a_slanted_picture_is_said(tmp_path: Path) -> None:
    slanted = sink(tmp_path / "out", info=video_info(display_matrix=(1, 1, 0, 1, 1, 0, 0, 0, 1 << 30)))
    assert "as coded" in slanted.notices[0]


def test_a_name_that_is_not_text_still_names_pictures(tmp_path: Path) -> None:
    write(sink(tmp_path / "out", info=video_info(name="caf\udce9.mp4")), 1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["caf_.000001.exr"]


def test_a_file_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="is a file"):
        write(sink(tmp_path / "out"), 1)


def test_a_missing_parent_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        write(sink(tmp_path / "a" / "out"), 1)


def test_an_error_of_a_writer_thread_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        raise OutputError(f"{path}: No space left on device")

    monkeypatch.setattr(exr, "write_exr", full)
    with pytest.raises(OutputError, match="No space left"):
        write(sink(tmp_path / "out"), 50)
    assert not list(tmp_path.iterdir())


def test_other_primaries_keep_their_colour(tmp_path: Path) -> None:
    from tsexpand.colour.codes import Primaries
    from tsexpand.colour.primaries import conversion_matrix

    batch = light_batch(torch.tensor([203.0, 0.0, 0.0]), [0], Primaries.BT2020)
    expected = conversion_matrix(Primaries.BT2020, Primaries.BT709)[:, 0]
    pictures = sink(tmp_path / "out").prepare(batch).pictures
    assert pictures[0, :, 0, 0].double().tolist() == pytest.approx(expected.tolist(), rel=2e-3)
    assert expected.min() < 0  # outside the gamut of BT.709, and kept so


@pytest.mark.parametrize("primaries", ExrPrimaries)
def test_primaries_are_said_and_white_stays_white(tmp_path: Path, primaries: ExrPrimaries) -> None:
    target = sink(tmp_path / "out", primaries=primaries)
    with target:
        target.write(target.prepare(light_batch(torch.tensor([203.0, 203.0, 203.0]), [0])))
        target.finish()
        target.commit()
    (path,) = (tmp_path / "out").iterdir()
    assert read_exr(path) == pytest.approx(1, abs=1e-3)
    white, space = read_exr_colour(path)
    assert white == 203 and space is not None
    stated = [c for point in (space.red, space.green, space.blue, space.white) for c in point]
    xy = primaries.chromaticities
    assert stated == pytest.approx([c for point in (xy.red, xy.green, xy.blue, xy.white) for c in point], abs=1e-6)
    seen = witness("exrheader", str(path))
    for name, (x, y) in (("red  ", xy.red), ("white", xy.white)):
        assert f"{name} ({x:g} {y:g})" in seen, seen


def test_aces_is_what_openexr_itself_makes_of_bt709(tmp_path: Path) -> None:
    colour = torch.tensor([203.0, 20.0, 2.0])
    for primaries in (ExrPrimaries.BT709, ExrPrimaries.ACES):
        target = sink(tmp_path / primaries.value, primaries=primaries)
        with target:
            target.write(target.prepare(light_batch(colour, [0])))
            target.finish()
            target.commit()
    name = "clip.000001.exr"
    witness("exr2aces", str(tmp_path / "709" / name), str(tmp_path / "witness.exr"))
    expected, found = (read_exr(path)[:, 0, 0] for path in (tmp_path / "witness.exr", tmp_path / "aces" / name))
    assert found.tolist() == pytest.approx(expected.tolist(), rel=1e-3)


@pytest.mark.parametrize("primaries", [ExrPrimaries.ACES, ExrPrimaries.ACESCG])
@pytest.mark.parametrize("compression", [Compression.NONE, Compression.PIZ])
def test_only_an_aces_container_says_that_it_is_one(
    tmp_path: Path, primaries: ExrPrimaries, compression: Compression
) -> None:
    target = sink(tmp_path / "out", primaries=primaries, compression=compression)
    with target:
        target.write(target.prepare(light_batch(1.0, [0])))
        target.finish()
        target.commit()
    header = OpenEXR.File(str(tmp_path / "out" / "clip.000001.exr"), header_only=True).header()
    is_one = primaries is ExrPrimaries.ACES and compression is Compression.NONE
    assert header.get("acesImageContainerFlag") == (1 if is_one else None)


def test_pts_are_in_the_header(tmp_path: Path) -> None:
    import OpenEXR

    target = sink(tmp_path / "out", info=video_info(time_base=Fraction(1, 90000)))
    with target:
        target.write(target.prepare(light_batch(1.0, [123456], time_base=Fraction(1, 90000))))
        target.finish()
        target.commit()
    header = OpenEXR.File(str(tmp_path / "out" / "clip.000001.exr"), header_only=True).header()
    assert header["tsexpand:pts"] == "123456" and header["tsexpand:timeBase"] == "1/90000"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the priority is the process's")
def test_writers_give_way_to_who_feeds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    monkeypatch.setattr(exr, "write_exr", lambda *_: found.append(os.getpriority(os.PRIO_PROCESS, 0)))
    write(sink(tmp_path / "out"), 3)
    assert min(found) > os.getpriority(os.PRIO_PROCESS, 0) or min(found) == 19


def test_writers_are_as_many_as_the_cores_that_may_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "usable", lambda: 5)
    writers: list[int] = []

    def pool(count: int, **options: Any) -> ThreadPoolExecutor:
        writers.append(count)
        return ThreadPoolExecutor(count, **options)

    monkeypatch.setattr(exr, "ThreadPoolExecutor", pool)
    wanted = delivery.DeliveryOptions(EncoderOptions(), Compression.ZIP, 203.0, 1000.0, overwrite=False)
    with delivery.make_sink([tmp_path / "out"], video_info(), Companions(), wanted):
        assert writers == [5]


@pytest.mark.parametrize("with_alpha", [False, True])
def test_strips_do_not_show(with_alpha: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(5)
    light = torch.rand(2, 3, 37, 45, generator=generator) * 400
    alpha = torch.rand(2, 37, 45, generator=generator) if with_alpha else None
    batch = replace(light_batch(light, [0, 1]), alpha=alpha)
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 1)
    pictures = scene_light(batch, ExrPrimaries.BT709, 200.0)
    expected = light / 200.0
    if alpha is not None:
        expected = torch.cat((expected * alpha.unsqueeze(1), alpha.unsqueeze(1)), dim=1)
    assert torch.equal(pictures, expected.half())

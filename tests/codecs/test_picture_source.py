"""Pictures as a source like a clip."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.codecs.stills.files import (
    SRGB_COLUMNS,
    SRGB_CURVE,
    directory,
    encoded,
    icc_chunk,
    power,
    rgb_profile,
    with_orientation,
    with_palette,
    write,
)
from tsexpand.codecs.decode import VideoSource
from tsexpand.codecs.picture_source import PictureSource
from tsexpand.codecs.source import Source, open_source
from tsexpand.codecs.source_options import SourceOptions
from tsexpand.errors import Cancelled, InputError

RATE = Fraction(24000, 1001)


def flat(value: int, width: int = 12, height: int = 8) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


@pytest.mark.parametrize(
    ("names", "number"), [(["s0.png", "s1.png"], 0), (["s0099.png", "s0100.png"], 99), (["a1.png", "b7.png"], 1)]
)
def test_sequences_keep_their_numbers(tmp_path: Path, names: list[str], number: int) -> None:
    for name in names:
        write(tmp_path / name)
    assert opened(tmp_path, frame_rate=RATE).info.first_number == number
    assert opened(tmp_path / names[0]).info.first_number == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten flat pictures, 10, 20, 30 ..."""
    (tmp_path / "seq").mkdir()
    for number in range(1, 11):
        write(tmp_path / f"seq/s.{number:03}.png", flat(10 * number))
    return tmp_path / "seq"


def shown(source: Source, batch_size: int = 4) -> list[tuple[int, int]]:
    """Level and pts of each picture."""
    with source:
        batches = list(source.batches(batch_size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    return [(int(batch.planes[0][i].max()), timing.pts) for batch in batches for i, timing in enumerate(batch.timings)]


def opened(name: Path, **settings: Any) -> Source:
    return open_source(str(name), SourceOptions(**settings))


def test_times_are_exact(folder: Path) -> None:
    source = opened(folder, frame_rate=RATE)
    assert source.info.time_base == 1 / RATE and source.info.frame_rate == RATE
    assert source.info.frame_count_from_header == 10 and source.info.duration_from_header == 10 / RATE
    assert not source.info.is_still
    assert shown(source) == [(10 * (i + 1), i) for i in range(10)]


def test_one_on_its_own_has_no_time(folder: Path) -> None:
    source = opened(folder / "s.003.png")
    assert source.info.is_still and source.info.frame_rate is None
    assert shown(source) == [(30, 0)]
    with pytest.raises(InputError, match="leave out --start"):
        opened(folder / "s.003.png", start=Fraction(1))


@pytest.mark.parametrize(("start", "first"), [(Fraction(2) / RATE, 3), (Fraction(9, 100), 4), (Fraction(0), 1)])
def test_a_part_begins_at_zero(folder: Path, start: Fraction, first: int) -> None:
    assert shown(opened(folder, frame_rate=RATE, start=start, frames=2)) == [(10 * first, 0), (10 * first + 10, 1)]


def test_beyond_the_end_there_is_nothing(folder: Path) -> None:
    with pytest.raises(InputError, match="ends before the start at 00:00:01"):
        opened(folder, frame_rate=RATE, start=Fraction(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: write(path, flat(40, 14)), r"s\.004\.png: is 14×8 rgb24, where the first is 12×8 rgb24"),
        (lambda path: path.write_bytes(encoded(flat(40)[..., 0], "png", "gray")), "is 12×8 gray"),
        (lambda path: write(path, flat(40), iCCP=icc_chunk(rgb_profile(SRGB_COLUMNS, power(2.2)))), "its colour or"),
        (lambda path: path.write_bytes(with_orientation(encoded(flat(40)), "png", 3)), "its colour or orientation"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "cut off"),
    ],
)
def test_what_is_not_as_the_first_ends_it(folder: Path, change: Any, message: str) -> None:
    change(folder / "s.004.png")
    with pytest.raises(InputError, match=message):
        shown(opened(folder, frame_rate=RATE), 1)


def test_another_size_is_no_damage(folder: Path) -> None:
    """As in clips: it is not passed over in favour of the picture before."""
    write(folder / "s.004.png", flat(40, 14))
    with pytest.raises(InputError, match=r"s\.004\.png: is 14×8 rgb24, .* try --on-change scale"):
        shown(opened(folder, frame_rate=RATE, repeats=True), 1)


def test_the_same_colour_in_other_words_goes_on(folder: Path) -> None:
    for file in folder.iterdir():
        write(file, flat(7), iCCP=icc_chunk(rgb_profile(SRGB_COLUMNS, SRGB_CURVE)))
    write(folder / "s.004.png", flat(7), sRGB=b"\0")
    assert len(shown(opened(folder, frame_rate=RATE))) == 10


def test_damage_is_replaced_where_asked_for(folder: Path) -> None:
    (folder / "s.004.png").write_bytes(b"junk")
    (folder / "s.010.png").write_bytes(b"junk")
    source = opened(folder, frame_rate=Fraction(10), repeats=True)
    assert [level for level, _ in shown(source)] == [10, 20, 30, 30, 50, 60, 70, 80, 90, 90]
    assert source.info.notices == ("2 damaged pictures were replaced by the one before, the first at 00:00:00.300.",)


def test_what_is_lost_of_a_later_picture_is_told_once(folder: Path) -> None:
    """Such as the camera of one that was not taken by the others'."""
    for number in (4, 7):
        about = directory((271, 2, b"ABC\0"))
        write(folder / f"s.{number:03}.png", flat(10 * number), eXIf=about)
    source = opened(folder, frame_rate=Fraction(10))
    shown(source)
    assert source.info.notices == (
        "Further on, of 2 pictures, the first at 00:00:00.300: EXIF other than orientation is not kept.",
    )


def test_transparency_of_later_pictures_alone_is_told(folder: Path) -> None:
    for number in range(1, 11):
        (folder / f"s.{number:03}.png").write_bytes(with_palette(b"\xff\x80" if number in (4, 7) else b"\xff\xff"))
    source = opened(folder, frame_rate=Fraction(10))
    shown(source)
    assert not source.info.has_alpha
    assert source.info.notices == ("Further on, of 2 pictures, the first at 00:00:00.300: Transparency is not kept.",)


def test_sizes_are_brought_together_where_asked_for(folder: Path) -> None:
    write(folder / "s.004.png", flat(40, 24, 16))
    assert shown(opened(folder, frame_rate=RATE, scales=True))[3] == (40, 3)


@pytest.mark.parametrize("opacity", [b"", b"\xff\x80"])
def test_pictures_are_brought_to_the_size_of_one_with_a_palette(folder: Path, opacity: bytes) -> None:
    (folder / "s.001.png").write_bytes(with_palette(opacity))
    source = opened(folder, frame_rate=RATE, scales=True)
    assert (source.info.pixel_format, source.info.width) == ("pal8", 2)
    assert shown(source)[1:] == [(10 * i, i - 1) for i in range(2, 11)]


def test_it_ends_at_once_where_told_to(folder: Path) -> None:
    with opened(folder, frame_rate=RATE) as source:
        batches = source.batches(1)
        next(batches)
        source.cancel()
        with pytest.raises(Cancelled):
            list(batches)


def test_clips_have_their_own_times(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    with pytest.raises(InputError, match="leave out --frame-rate"):
        opened(tmp_path / "a.gif", frame_rate=RATE)


def test_all_sources_have_one_surface() -> None:
    surface = {name for name in vars(Source) if not name.startswith("_")} | {"__enter__", "__exit__"}
    assert surface >= {"batches", "cancel"}
    for kind in (VideoSource, PictureSource):
        assert surface <= set(dir(kind))

from fractions import Fraction
from pathlib import Path

import pytest

from tests.codecs.stills.files import write
from tsexpand.codecs.stills.sequence import (
    ASSUMED_RATE,
    find_pictures,
    list_stills,
    looks_like_sequence,
    natural_order,
    stem_of,
)
from tsexpand.errors import InputError

RATE = Fraction(24)


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        write(folder / name)
    return folder


def names(source: Path | str, rate: Fraction | None = RATE) -> list[str]:
    pictures = find_pictures(str(source), rate)
    assert pictures is not None
    return [file.name for file in pictures.files]


def test_numbers_are_numbers() -> None:
    order = sorted(map(Path, ["a10.png", "a9.png", "b1.png", "a09.png", "a.png"]), key=natural_order)
    assert [path.name for path in order] == ["a09.png", "a9.png", "a10.png", "a.png", "b1.png"]


def test_a_folder_is_a_sequence_in_natural_order(tmp_path: Path) -> None:
    fill(tmp_path / "f", "s9.png", "s10.png", "s8.png")
    assert names(tmp_path / "f") == ["s8.png", "s9.png", "s10.png"]


@pytest.mark.parametrize(
    ("files", "looks"),
    [
        (["s.0999.png", "s.1000.png", "s.1001.png"], True),
        (["v2_s098.tif", "v2_s099.tif", "v2_s100.tif", "v2_s101.tif"], True),
        (["s1.png", "s2.png"], False),  # too few
        (["s1.png", "s2.png", "s4.png"], False),
        (["s9.png", "s10.png", "s11.png"], False),  # their names are not of one size
        (["a1.png", "b2.png", "b3.png"], False),
        (["s1.png", "s2.png", "s3.jpg"], False),
        (["s1.png", "s2.png", "s3.png", "title.png"], False),
    ],
)
def test_what_looks_like_a_sequence(files: list[str], looks: bool) -> None:
    assert looks_like_sequence([Path(file) for file in files]) is looks


def test_a_pattern_takes_what_it_says(tmp_path: Path) -> None:
    fill(tmp_path / "f", "s.0099.png", "s.0100.png", "t.0101.png", "s.101.png", "s.0101.jpg", "s.00101.png")
    assert names(tmp_path / "f/s.%04d.png") == ["s.0099.png", "s.0100.png"]
    fill(tmp_path / "g", "s9.png", "s10.png", "s011.png")
    assert names(tmp_path / "g/s%d.png") == ["s9.png", "s10.png"]
    fill(tmp_path / "h", "s9999.png", "s10000.png")
    assert names(tmp_path / "h/s%04d.png") == ["s9999.png", "s10000.png"]


def test_a_pattern_without_a_rate_has_an_assumed_one(tmp_path: Path) -> None:
    fill(tmp_path / "f", "s1.png")
    pictures = find_pictures(str(tmp_path / "f/s%d.png"), None)
    assert pictures is not None and pictures.frame_rate == ASSUMED_RATE
    assert pictures.notices == ("No --frame-rate was given: 25 frames a second are assumed.",)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["s1.png", "s3.png"], "numbers 1 to 3 1 missing: 2$"),
        (["s1.png", "s4.png", "s6.png"], "numbers 1 to 6 3 missing: 2, 3, 5$"),
        (["s1.png", "s999999999.png"], r"999999997 missing: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, \.\.\.$"),
        (["s1.png", "s01.png"], "a number is there twice"),
    ],
)
def test_gaps_are_named(tmp_path: Path, files: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_pictures(str(fill(tmp_path / "f", *files)), RATE)


def test_names_of_no_one_pattern_are_told(tmp_path: Path) -> None:
    pictures = find_pictures(str(fill(tmp_path / "f", "a1.png", "b3.png")), RATE)
    assert pictures is not None and len(pictures.files) == 2
    assert "a missing one is not noticed" in pictures.notices[0]


def test_one_picture(tmp_path: Path) -> None:
    fill(tmp_path / "f", "a%d.png", "b.png")
    assert names(tmp_path / "f/a%d.png", None) == ["a%d.png"]  # so it is called
    assert names(tmp_path / "f/b.png", None) == ["b.png"]
    assert find_pictures(str(tmp_path / "missing.png"), None) is None
    assert find_pictures("-", None) is None


def test_what_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, rate, message in [
        ("s%d.png", RATE, "no file is called so"),
        ("no/s%d.png", RATE, "can't be opened"),
        ("empty", RATE, "holds no picture"),
        ("empty", None, "--frame-rate makes its pictures a clip"),
    ]:
        with pytest.raises(InputError, match=message):
            find_pictures(str(tmp_path / name), rate)


def test_files_that_ffmpeg_numbers_itself_are_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "s1.dpx").write_bytes(b"SDPX" + bytes(100))
    assert find_pictures(str(tmp_path / "s%d.dpx"), None) is None


def test_a_folder_is_listed(tmp_path: Path) -> None:
    fill(tmp_path / "f", "b.PNG".lower(), "a.tif")
    (tmp_path / "f/clip.mp4").touch()
    (tmp_path / "f/.a.jpg").touch()
    pictures, others = list_stills(tmp_path / "f")
    assert [p.name for p in pictures] == ["a.tif", "b.png"] and [p.name for p in others] == ["clip.mp4"]


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("-", "stdin"),
        ("a/photo.jpg", "photo"),
        ("a/shot.%04d.png", "shot"),
        ("a/%d.png", "clip"),
        ("a/shot_%03d_v2.png", "shot__v2"),
        ("a/100%.mp4", "100%"),
        ("a/bad\udcff.png", "bad_"),
    ],
)
def test_outputs_are_called_like_their_input(source: str, stem: str) -> None:
    assert stem_of(source) == stem


def test_a_folder_keeps_its_whole_name(tmp_path: Path) -> None:
    (tmp_path / "shots.v2").mkdir()
    assert stem_of(f"{tmp_path}/shots.v2/") == "shots.v2"


def test_a_name_that_is_too_long_for_a_file_is_no_picture() -> None:
    assert find_pictures("https://example.org/" + "a" * 5000, None) is None
    assert find_pictures("b" * 300, None) is None
    assert stem_of("b" * 300 + ".mp4") == "b" * 300

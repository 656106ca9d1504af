from fractions import Fraction
from pathlib import Path

import pytest

from tests.codecs.written import steady, write_video
from tsexpand.codecs.mux import Container
from tsexpand.codecs.read_back import NotWholeError, check_written

UNIT = Fraction(1, 24)
TIMES = [pts for pts, _ in steady(9)]


@pytest.fixture(params=["mp4", "matroska"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "clip"
    write_video(path, Container(request.param), "hevc", steady(9))
    return path


def test_what_is_whole_passes_in_any_order(path: Path) -> None:
    check_written(path, TIMES[::-1], UNIT, Fraction(1, 1000))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([*TIMES, 200], "9 of 10 pictures are there"),
        ([*TIMES[:-1], TIMES[-1] + 1], "the picture of 00:00:04.042 is at 00:00:04.000"),
    ],
)
def test_what_is_missing_or_moved_is_named(path: Path, times: list[int], said: str) -> None:
    with pytest.raises(NotWholeError, match=said):
        check_written(path, times, UNIT, Fraction(1, 1000))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_a_file_that_lost_its_end_does_not_pass(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(NotWholeError):
        check_written(path, TIMES, UNIT, Fraction(1, 1000))

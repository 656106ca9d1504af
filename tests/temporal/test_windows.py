from collections.abc import Iterator

import numpy
import pytest
import torch

from tests.temporal.clips import batched, clip, picture
from tsexpand.frames import LightBatch
from tsexpand.temporal.windows import Neighbourhood, blackman, mirrored, neighbourhoods, radius_of


def pts(frame: LightBatch) -> torch.Tensor:
    return torch.tensor(frame.timings[0].pts)


def around(count: int, radius: int) -> list[tuple[int, list[int]]]:
    frames = batched(clip(picture(0).expand(count, -1, -1, -1)), 1)
    seen = []
    for here in neighbourhoods(frames, radius, pts):
        assert here.near[here.position] == pts(here.frame)
        seen.append((int(pts(here.frame)), [int(m) for m in here.near]))
    return seen


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 12])
@pytest.mark.parametrize("radius", [0, 1, 2, 4])
def test_neighbourhoods_are_all_frames_within_the_radius(count: int, radius: int) -> None:
    expected = [(t, [i for i in range(count) if abs(i - t) <= radius]) for t in range(count)]
    assert around(count, radius) == expected


def test_look_ahead_is_the_radius() -> None:
    taken: list[int] = []

    def source() -> Iterator[LightBatch]:
        for frame in batched(clip(picture(0).expand(20, -1, -1, -1)), 1):
            taken.append(frame.timings[0].pts)
            yield frame

    stream = neighbourhoods(source(), 3, pts)
    for t in range(10):
        next(stream)
        assert len(taken) == t + 4


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_mirrored_agrees_with_symmetric_padding(count: int) -> None:
    radius = 6
    padded = numpy.pad(numpy.arange(count), radius, mode="symmetric")
    for t, near in around(count, radius):
        window = mirrored(Neighbourhood(None, [torch.tensor(i) for i in near], near.index(t)), radius)  # type: ignore[arg-type]
        assert window.tolist() == padded[t : t + 2 * radius + 1].tolist()


def test_blackman_is_numpys_without_its_zeros() -> None:
    expected = numpy.blackman(27)[1:-1]
    assert blackman(12).numpy() == pytest.approx(expected / expected.sum(), abs=1e-12)
    assert blackman(0).tolist() == [1.0]


@pytest.mark.parametrize("window", [0, -1, 2, 24])
def test_windows_without_a_middle_are_refused(window: int) -> None:
    with pytest.raises(ValueError, match="odd number"):
        radius_of(window)

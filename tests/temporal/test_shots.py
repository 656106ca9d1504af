from collections import deque
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.temporal.clips import batched, clip, light_of, picture, thumbnail
from tsexpand.frames import LightBatch
from tsexpand.temporal.shots import Frames, by_shot, is_cut

BLACK = torch.zeros(3, 32, 32)


def small(signal: Tensor) -> Tensor:
    return thumbnail(signal.unsqueeze(0))[0]


def cuts(frames: list[Tensor]) -> list[int]:
    return [i for i in range(1, len(frames)) if is_cut(frames[i - 1], frames[i])]


@pytest.mark.parametrize("seed", range(8))
def test_different_pictures_are_cut(seed: int) -> None:
    assert is_cut(small(picture(seed)), small(picture(seed + 100)))


@pytest.mark.parametrize("seed", range(4))
def test_cut_to_and_from_black(seed: int) -> None:
    assert is_cut(small(picture(seed)), BLACK)
    assert is_cut(BLACK, small(picture(seed)))


def test_flat_colours_are_cut() -> None:
    red, blue = BLACK.clone(), BLACK.clone()
    red[0], blue[2] = 0.7, 0.7
    assert is_cut(red, blue)


def test_letterbox_does_not_hide_a_cut() -> None:
    one, other = (0.3 + 0.6 * small(picture(seed)) for seed in (1, 2))
    for bar in (slice(0, 4), slice(28, 32)):
        one[:, bar], other[:, bar] = 0, 0
    assert is_cut(one, other)


@pytest.mark.parametrize("seed", range(4))
def test_fades_are_not_cut(seed: int) -> None:
    bright = small(picture(seed))
    fade = [bright * i / 25 for i in range(26)]
    assert cuts(fade) == []
    assert cuts(fade[::-1]) == []
    assert cuts([1 - frame for frame in fade]) == []


def test_a_flat_fade_from_black_to_white_is_not_cut() -> None:
    assert cuts([torch.full((3, 32, 32), i / 25) for i in range(26)]) == []


@pytest.mark.parametrize("seed", range(4))
def test_dissolve_is_not_cut(seed: int) -> None:
    one, other = small(picture(seed)), small(picture(seed + 50))
    assert cuts([one + (other - one) * i / 25 for i in range(26)]) == []


def test_noise_and_static_are_not_cut() -> None:
    still = small(picture(3))
    noise = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.04
    assert cuts([still, *(still + noise).clamp(0, 1), still]) == []
    assert cuts([BLACK, BLACK]) == []


def test_a_glint_is_not_cut() -> None:
    still = small(picture(3))
    glint = still.clone()
    glint[:, 10:14, 10:14] = 1
    assert cuts([still, glint, still]) == []


def test_dim_speckles_on_black_are_not_cut() -> None:
    speckles = [BLACK.clone() for _ in range(2)]
    speckles[0][:, 4, 4] = 0.9
    speckles[1][:, 20, 25] = 0.9
    assert cuts(speckles) == []


def test_a_pan_is_not_cut() -> None:
    wide = picture(5, size=(96, 288))
    pan = [small(wide[:, :, x : x + 128]) for x in range(0, 160, 12)]  # 3 thumbnail pixels a frame
    assert cuts(pan) == []


def two_shots() -> LightBatch:
    return clip(torch.stack([picture(1)] * 5 + [picture(2)] * 6))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 11, 20])
def test_by_shot_hands_out_shots_and_gives_back_batches(size: int) -> None:
    lengths: list[int] = []

    def stage(shot: Frames) -> Frames:
        frames = list(shot)
        lengths.append(len(frames))
        yield from frames

    whole = two_shots()
    given = list(batched(whole, size))
    returned = list(by_shot(iter(given), stage))
    assert lengths == [5, 6]
    assert [b.timings for b in returned] == [b.timings for b in given]
    assert [b.packets for b in returned] == [b.packets for b in given]
    assert torch.equal(light_of(returned), whole.light)
    assert torch.equal(torch.cat([b.thumbnails for b in returned]), whole.thumbnails)


def empty(packet: str) -> LightBatch:
    nothing = torch.zeros(0, 3, 24, 32)
    return LightBatch(nothing, two_shots().primaries, (), torch.zeros(0, 3, 32, 32), packets=(packet,))


def test_by_shot_keeps_packets_that_come_without_pictures() -> None:
    parts = list(batched(two_shots(), 4))
    given = [empty("a"), parts[0], empty("b"), empty("c"), *parts[1:], empty("d")]
    returned = list(by_shot(given, lambda shot: shot))
    assert [b.packets for b in returned] == [b.packets for b in given]
    assert [len(b) for b in returned] == [0, 4, 0, 0, 4, 3, 0]


def test_by_shot_of_nothing() -> None:
    assert list(by_shot([], lambda shot: shot)) == []
    assert [b.packets for b in by_shot([empty("a")], lambda shot: shot)] == [("a",)]


def test_by_shot_is_lazy() -> None:
    taken: deque[int] = deque()

    def source() -> Iterator[LightBatch]:
        for i, batch in enumerate(batched(two_shots(), 1)):
            taken.append(i)
            yield batch

    stream = by_shot(source(), lambda shot: shot)
    next(stream)
    assert len(taken) == 1

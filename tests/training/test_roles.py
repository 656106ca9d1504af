import pytest
import torch

from tsexpand.errors import InputError
from tsexpand.training.roles import data_hash, split, without_copies
from tsexpand.training.scenes import Scene


def named(count: int) -> list[Scene]:
    return [Scene(f"scene{i:02d}", torch.full((3, 4, 4), float(i)).half(), False) for i in range(count)]


def called(*names: str) -> list[Scene]:
    return [Scene(name, torch.zeros(3, 4, 4).half(), False) for name in names]


@pytest.mark.parametrize(("count", "held_back"), [(2, 1), (3, 1), (17, 2), (80, 10)])
def test_one_scene_in_eight_is_held_back(count: int, held_back: int) -> None:
    scenes = named(count)
    learned, validated = split(scenes)
    assert (len(learned), len(validated)) == (count - held_back, held_back)
    assert {scene.name for scene in learned + validated} == {scene.name for scene in scenes}
    assert split(scenes) == (learned, validated)


def test_a_family_is_on_one_side() -> None:
    scenes = called(*(f"{place}_place_{number:02d}" for place in "abcdefghijkl" for number in range(1, 5)))
    learned, validated = split(scenes)
    assert len(validated) == 4  # 6 of 48 would be one in eight
    assert not {scene.name[0] for scene in learned} & {scene.name[0] for scene in validated}


def test_a_family_too_large_to_be_held_back_is_learned_from() -> None:
    scenes = called("brown_photostudio_01", "brown_photostudio_02", "brown_photostudio_06", "kloppenheim_02")
    learned, validated = split(scenes)
    assert [scene.name for scene in validated] == ["kloppenheim_02"]
    assert len(learned) == 3


def test_of_large_families_only_the_smallest_is_held_back() -> None:
    scenes = called(*(f"hall_{i}" for i in range(4)), *(f"yard_{i}" for i in range(3)))
    _, validated = split(scenes)
    assert [scene.name for scene in validated] == ["yard_0", "yard_1", "yard_2"]


def test_a_further_scene_moves_few() -> None:
    before, after = ({scene.name for scene in split(scenes)[1]} for scenes in (named(96), named(97)))
    assert len(before ^ after) <= 2


@pytest.mark.parametrize("names", [("hall",), ("hall", "hall_02", "hall_sunset")])
def test_scenes_of_one_place_are_too_few(names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"of one place \(hall\).*--validation"):
        split(called(*names))


def test_the_hash_tells_scenes_and_their_roles_apart() -> None:
    scenes = named(4)
    assert data_hash(scenes[:3], scenes[3:]) == data_hash(named(3), named(4)[3:])
    assert data_hash(scenes[:3], scenes[3:]) != data_hash(scenes[:2], scenes[2:])


def test_copies_are_left_out_and_named() -> None:
    scenes = named(4)
    copy = Scene("copy", scenes[0].light, False)
    kept, left_out = without_copies([copy, *scenes], [scenes[1]])
    assert [scene.name for scene in kept] == ["copy", "scene02", "scene03"]
    assert left_out == ("scene00: the same picture as copy, left out", "scene01: the same picture as scene01, left out")

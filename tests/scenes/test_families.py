import pytest

from tsexpand.scenes.families import family, is_validation


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["aristea_wreck", "aristea_wreck_puresky", "aristea_wreck_1k", "Aristea-Wreck_02_4k"], "aristea_wreck"),
        (["kloofendal_43d_clear_puresky", "kloofendal_48d_partly_cloudy"], "kloofendal"),
        (["brown_photostudio_01", "brown_photostudio_07"], "brown_photostudio"),
        (["studio1", "studio2", "studio"], "studio"),
        (["night_bridge"], "night_bridge"),
    ],
)
def test_variants_are_one_family(names: list[str], expected: str) -> None:
    assert {family(name) for name in names} == {expected}


@pytest.mark.parametrize("name", ["IMG_0815", "dsc_0001", "0006_20160721_163256_525", "PXL_2021", "42", "_", ""])
def test_a_cameras_counting_is_no_family(name: str) -> None:
    assert family(name) == name.lower()


def test_the_split_is_of_about_that_share_and_only_grows() -> None:
    names = [f"scene {i}" for i in range(2000)]
    chosen = [{name for name in names if is_validation(name, share)} for share in (0.0, 0.1, 0.3)]
    assert chosen[0] == set() and chosen[1] < chosen[2]
    assert len(chosen[1]) / 2000 == pytest.approx(0.1, abs=0.02)


def test_the_split_never_changes() -> None:
    assert [name for name in ("courtyard", "quarry", "lebombo", "between_bridges") if is_validation(name, 0.1)] == [
        "quarry",
        "between_bridges",
    ]

import random
from itertools import pairwise

import pytest

from tsexpand.codecs.cues import MAX_SHOWN, Cue, Flattener


def flattened(*cues: Cue) -> list[Cue]:
    flattener = Flattener()
    return [settled for cue in cues for settled in flattener.add(cue)] + list(flattener.flush())


def test_cues_apart_stay_what_they_are() -> None:
    cues = [Cue(3, 5, b"a"), Cue(5, 6, b"b"), Cue(9, 12, b"c")]
    assert flattened(*cues) == cues


def test_cues_that_overlap_are_shown_together_and_alone() -> None:
    assert flattened(Cue(1, 9, b"long"), Cue(3, 5, b"short"), Cue(10, 11, b"next")) == [
        Cue(1, 3, b"long"),
        Cue(3, 5, rb"long\N{\r}short"),
        Cue(5, 9, b"long"),
        Cue(10, 11, b"next"),
    ]


def test_cues_that_begin_together_are_one() -> None:
    assert flattened(Cue(1, 2, b"a"), Cue(1, 2, b"b")) == [Cue(1, 2, rb"a\N{\r}b")]


def test_a_cue_that_comes_late_loses_what_has_passed() -> None:
    assert flattened(Cue(5, 6, b"a"), Cue(1, 2, b"gone"), Cue(4, 7, b"late")) == [
        Cue(5, 6, rb"a\N{\r}late"),
        Cue(6, 7, b"late"),
    ]


def test_at_every_moment_is_shown_what_was_to_be() -> None:
    rng = random.Random(1)
    begins = sorted(rng.randrange(60) for _ in range(20))
    cues = [Cue(begin, begin + rng.randrange(1, 12), b"%d" % i) for i, begin in enumerate(begins)]
    track = flattened(*cues)
    assert all(earlier.end <= later.begin for earlier, later in pairwise(track))
    for moment in range(80):
        shown = [cue.text for cue in track if cue.begin <= moment < cue.end]
        wanted = [cue.text for cue in cues if cue.begin <= moment < cue.end]
        assert shown == ([rb"\N{\r}".join(wanted)] if wanted else [])


def test_what_a_hostile_file_can_make_is_bounded() -> None:
    track = flattened(*(Cue(i, 10_000, b"x") for i in range(500)))
    assert max(cue.text.count(b"x") for cue in track) == MAX_SHOWN


def test_a_cue_that_is_never_shown_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="never shown"):
        Cue(3, 3, b"")

"""The document of dovi_tool: its schema, in our own words, and values computed by hand.

The schema is that of docs/generator.md and of the structures of the library (GenerateConfig, VideoShot, levels 1, 5 and
6): what may be there, whole numbers of 16 bit, and what is validated when an RPU is written.
"""

from typing import Any

import pytest
import torch

from tests.sinks.documents.records import grey, letterboxed, read, record
from tsexpand.colour.hdr10 import mastering_display
from tsexpand.sinks.documents.dovi import dovi_lines
from tsexpand.sinks.documents.record import LightRecord

LEVEL5 = {f"active_area_{side}_offset" for side in ("left", "right", "top", "bottom")}
LEVEL6 = {
    "max_display_mastering_luminance",
    "min_display_mastering_luminance",
    "max_content_light_level",
    "max_frame_average_light_level",
}
LEVEL1 = {"min_pq", "max_pq", "avg_pq"}
TOP = {"cm_version", "profile", "length", "source_min_pq", "source_max_pq", "level5", "level6", "shots"}


def check_schema(document: dict[str, Any]) -> None:
    """Raises AssertionError where dovi_tool would refuse the document, or ignore a part of it."""
    assert document.keys() == TOP
    assert document["cm_version"] in ("V29", "V40") and document["profile"] in ("8.1", "8.4")
    whole(document["source_min_pq"], 4095), whole(document["source_max_pq"], 4095)
    assert document["level5"].keys() == LEVEL5 and document["level6"].keys() == LEVEL6
    for value in document["level5"].values():
        whole(value, 8191)
    for value in document["level6"].values():
        whole(value, 10000)
    end = 0
    for shot in document["shots"]:
        assert shot.keys() == {"start", "duration", "metadata_blocks"} and shot["start"] == end
        whole(shot["duration"], 1 << 62)
        end += shot["duration"]
        (block,) = shot["metadata_blocks"]
        check_level1(block["Level1"], document["cm_version"])
    assert document["length"] == end > 0


def check_level1(level: dict[str, int], version: str) -> None:
    assert level.keys() == LEVEL1
    whole(level["min_pq"], 12)
    assert whole(level["max_pq"], 4095) >= 2081
    assert whole(level["avg_pq"], level["max_pq"] - 1) >= {"V29": 819, "V40": 1229}[version]


def whole(value: object, most: int) -> int:
    assert type(value) is int and 0 <= value <= most
    return value


def document(found: LightRecord, peak: float = 1000) -> dict[str, Any]:
    values = read(dovi_lines(found, mastering_display(peak)))
    check_schema(values)
    return values  # type: ignore[no-any-return]


def levels(found: LightRecord) -> list[tuple[int, ...]]:
    blocks = [shot["metadata_blocks"][0]["Level1"] for shot in document(found)["shots"]]
    return [(block["min_pq"], block["max_pq"], block["avg_pq"]) for block in blocks]


def test_a_flat_grey_of_100() -> None:
    assert levels(record([[grey(100)]])) == [(12, 2081, 2080)]  # 0.5080784 · 4095; the mean is below the largest


def test_a_shot_has_the_least_the_largest_and_the_mean_of_its_frames() -> None:
    found = record([[grey(203), grey(1000)], [grey(600)]])
    # PQ of 203, 600 and 1000 cd/m²: 0.580689, 0.696294 and 0.751827
    assert levels(found) == [(12, 3079, 2728), (12, 2851, 2850)]
    assert [(s["start"], s["duration"]) for s in document(found)["shots"]] == [(0, 2), (2, 1)]


def test_black_and_dark_are_within_what_is_allowed() -> None:
    assert levels(record([[grey(0)]])) == [(0, 2081, 1229)]
    assert levels(record([[grey(0.0001)]])) == [(7, 2081, 1229)]
    assert levels(record([[grey(10000)]])) == [(12, 4095, 4094)]


def test_bars_are_stated_and_not_averaged() -> None:
    half_lit = letterboxed(203, 12)
    half_lit[:, 12:24] = 1000
    values = document(record([[half_lit, letterboxed(203, 14)]]))
    assert values["level5"] == dict.fromkeys(LEVEL5, 0) | {
        "active_area_top_offset": 12,
        "active_area_bottom_offset": 12,
    }
    level = values["shots"][0]["metadata_blocks"][0]["Level1"]
    first = (0.751827 + 0.580689) / 2
    second = 0.580689 * 20 / 24  # within the area of both frames
    assert level == {"min_pq": 0, "max_pq": 3079, "avg_pq": round((first + second) / 2 * 4095)}


def test_bars_of_an_odd_size_reach_to_the_edge_of_the_coded_picture() -> None:
    picture = torch.full((3, 47, 63), 100.0)
    picture[:, -5:] = 0
    level = document(record([[picture]]))["level5"]
    assert (level["active_area_bottom_offset"], level["active_area_right_offset"]) == (6, 0)


@pytest.mark.parametrize(("peak", "code"), [(1000, 3079), (2000, 3388), (4000, 3696), (10000, 4095), (600, 2851)])
def test_the_mastering_display(peak: int, code: int) -> None:
    """The first four as dovi_tool derives them of level 6; it takes any other for 1000 unless it is told."""
    values = document(record([[grey(300), letterboxed(550.2, 12)]]), peak)
    assert (values["source_min_pq"], values["source_max_pq"]) == (7, code)
    assert values["level6"] == {
        "max_display_mastering_luminance": peak,
        "min_display_mastering_luminance": 1,
        "max_content_light_level": 551,
        "max_frame_average_light_level": 300,
    }

"""The document of hdr10plus_tool: its schema, in our own words, and values computed by hand.

The schema is that of the structures that it reads JSON into (all of it required but the Bezier curve, which profile A
has not), and of what it validates before it writes: SMPTE ST 2094-40, application version 1.
"""

from typing import Any

import torch

from tests.sinks.documents.records import grey, letterboxed, read, record
from tsexpand.sinks.documents.hdr10plus import hdr10plus_lines
from tsexpand.sinks.documents.record import LightRecord

FRAME = {
    "LuminanceParameters",
    "NumberOfWindows",
    "TargetedSystemDisplayMaximumLuminance",
    "SceneFrameIndex",
    "SceneId",
    "SequenceFrameIndex",
}


def check_schema(document: dict[str, Any]) -> None:
    """Raises AssertionError where hdr10plus_tool would refuse the document."""
    assert document.keys() == {"JSONInfo", "SceneInfo", "SceneInfoSummary", "ToolInfo"}
    assert document["JSONInfo"] == {"HDR10plusProfile": "A", "Version": "1.0"}
    assert all(type(value) is str for value in document["ToolInfo"].values())
    assert document["ToolInfo"].keys() == {"Tool", "Version"}
    assert document["SceneInfo"]
    starts, scene = [], -1
    for number, frame in enumerate(document["SceneInfo"]):
        assert frame.keys() == FRAME and frame["SequenceFrameIndex"] == number
        assert frame["NumberOfWindows"] == 1 and frame["TargetedSystemDisplayMaximumLuminance"] == 0  # profile A
        if frame["SceneFrameIndex"] == 0:
            starts.append(number)
            scene += 1
        assert frame["SceneId"] == scene and number - starts[-1] == frame["SceneFrameIndex"]
        check_luminance(frame["LuminanceParameters"])
    ends = [*starts[1:], len(document["SceneInfo"])]
    assert document["SceneInfoSummary"] == {
        "SceneFirstFrameIndex": starts,
        "SceneFrameNumbers": [end - start for start, end in zip(starts, ends, strict=True)],
    }


def check_luminance(luminance: dict[str, Any]) -> None:
    assert luminance.keys() == {"AverageRGB", "LuminanceDistributions", "MaxScl"}
    distribution = luminance["LuminanceDistributions"]
    assert distribution.keys() == {"DistributionIndex", "DistributionValues"}
    assert distribution["DistributionIndex"] == [1, 5, 10, 25, 50, 75, 90, 95, 99]
    values = distribution["DistributionValues"]
    assert len(values) == 9 and len(luminance["MaxScl"]) == 3
    for value in (luminance["AverageRGB"], *luminance["MaxScl"], *values):
        assert type(value) is int and 0 <= value <= 100_000
    first, nearly_all, below, *levels = values
    assert below <= 100
    assert sorted([first, *levels]) == [first, *levels]
    assert nearly_all >= levels[-2] and max(levels[-1], nearly_all) <= max(luminance["MaxScl"])


def document(found: LightRecord) -> dict[str, Any]:
    values = read(hdr10plus_lines(found))
    check_schema(values)
    return values  # type: ignore[no-any-return]


def luminance(found: LightRecord, frame: int = 0) -> tuple[int, list[int], list[int]]:
    values = document(found)["SceneInfo"][frame]["LuminanceParameters"]
    return values["AverageRGB"], values["LuminanceDistributions"]["DistributionValues"], values["MaxScl"]


def test_a_flat_grey_of_100() -> None:
    assert luminance(record([[grey(100)]])) == (1000, [1000, 1000, 100, *[1000] * 6], [1000] * 3)


def test_a_known_distribution() -> None:
    """Of 3072 pixels a tenth at 0, four tenths at 50, three at 200, and two at 1000."""
    light = torch.tensor([0.0] * 307 + [50.0] * 1229 + [200.0] * 922 + [1000.0] * 614).expand(3, -1).reshape(3, 48, 64)
    average, values, _ = luminance(record([[light]]))
    assert average == round((50 * 1229 + 200 * 922 + 1000 * 614) / 3072 * 10)
    assert values == [0, 10000, 50, 500, 500, 2000, 10000, 10000, 10000]


def test_channels_are_told_apart() -> None:
    coloured = torch.tensor([300.0, 20.04, 0.06])[:, None, None].expand(3, 48, 64)
    assert luminance(record([[coloured]]))[2] == [3000, 200, 1]


def test_all_frames_of_a_shot_say_the_same_of_it() -> None:
    found = record([[grey(10), grey(50)], [grey(400)], [grey(5)] * 2])
    frames = [luminance(found, number) for number in range(5)]
    assert frames[0] == frames[1] == (300, [100, 500, 100, 100, 100, 500, 500, 500, 500], [500] * 3)
    assert frames[2] == (4000, [4000, 4000, 0, *[4000] * 6], [4000] * 3)
    assert [frame["SceneId"] for frame in document(found)["SceneInfo"]] == [0, 0, 1, 2, 2]


def test_light_of_a_single_pixel_is_in_the_maximum_only() -> None:
    light = grey(10)
    light[:, 0, 0] = 900  # one of 3072: neither 99.98 % nor 99.99 % are without it, 95 % are
    assert luminance(record([[light]]))[1] == [100, 9000, 100, 100, 100, 100, 100, 100, 9000]
    wide = grey(10, (100, 200))
    wide[:, 0, 0] = 900  # of 20000: 0.005 %
    assert luminance(record([[wide]])) == (100, [100] * 2 + [100] * 7, [9000] * 3)


def test_black_and_the_end_of_the_scale() -> None:
    assert luminance(record([[grey(0)]])) == (0, [0, 0, 100, *[0] * 6], [0] * 3)
    assert luminance(record([[grey(10000)]])) == (100_000, [100_000, 100_000, 0, *[100_000] * 6], [100_000] * 3)


def test_bars_belong_to_the_picture() -> None:
    assert luminance(record([[letterboxed(100, 12)]]))[0] == 500

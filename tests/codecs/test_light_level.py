"""The patch of the light levels in finished files, seen by outside witnesses."""

import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from tests.codecs.written import FILMS, ffprobe, side_data, steady, witness, write_video
from tsexpand.codecs.light_level import patch_content_light, without_emulation
from tsexpand.codecs.mux import Container
from tsexpand.codecs.static_metadata import Coding
from tsexpand.colour.hdr10 import ContentLight

FILES = [(codec, c) for codec in ("hevc", "av1") for c in FILMS if (codec, c) != ("av1", Container.MOV)]
EVERYWHERE = pytest.mark.parametrize(("codec", "container"), FILES)


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as source:
        return [frame.to_ndarray() for frame in source.decode(video=0)]


@EVERYWHERE
def test_every_keyframe_and_the_container_say_the_measured_levels(
    tmp_path: Path, codec: str, container: Container
) -> None:
    path = tmp_path / "clip.part"
    write_video(path, container, codec, steady(9))
    seen = ffprobe(path)
    keyframes = [frame for frame in seen["frames"] if frame["key_frame"]]
    assert len(keyframes) == 3
    for holder in (seen["streams"][0], *keyframes):
        light = side_data(holder, "Content light level")
        assert (light["max_content"], light["max_average"]) == (1234, 256)


@EVERYWHERE
def test_mediainfo_sees_hdr10(tmp_path: Path, codec: str, container: Container) -> None:
    path = tmp_path / "clip.part"
    write_video(path, container, codec)
    report = witness("mediainfo", str(path))
    for line in ("HDR10 compatible", "Display P3", "max: 1000 cd/m2", "1234", "256"):
        assert line in report
    assert "10000" not in report


@EVERYWHERE
def test_nothing_but_the_levels_changes(tmp_path: Path, codec: str, container: Container) -> None:
    path, before = tmp_path / "clip.part", tmp_path / "before.part"
    write_video(path, container, codec, steady(9), light=None)
    shutil.copy(path, before)
    patch_content_light(path, Coding(codec), ContentLight(1234, 256))
    old, new = before.read_bytes(), path.read_bytes()
    assert len(old) == len(new)
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 4 * 4  # three keyframes and the header, 4 bytes each
    assert all(np.array_equal(a, b) for a, b in zip(pictures(before), pictures(path), strict=True))


@pytest.mark.parametrize(
    ("measured", "declared"),
    [((1024, 3), (1025, 3)), ((1024, 4), (1024, 4)), ((1025, 3), (1025, 3)), ((256, 1), (257, 1)), ((1, 1), (1, 1))],
)
def test_levels_that_would_read_as_a_start_code_are_raised_by_one(
    tmp_path: Path, measured: tuple[int, int], declared: tuple[int, int]
) -> None:
    assert without_emulation(ContentLight(*measured)) == ContentLight(*declared)
    path = tmp_path / "clip.part"
    write_video(path, Container.MP4, light=ContentLight(*measured))
    seen = ffprobe(path)
    for holder in (seen["streams"][0], seen["frames"][0]):
        light = side_data(holder, "Content light level")
        assert (light["max_content"], light["max_average"]) == declared


def test_a_file_is_patched_once(tmp_path: Path) -> None:
    path = tmp_path / "clip.part"
    write_video(path, Container.MP4)
    patched = path.read_bytes()
    with pytest.raises(ValueError, match="no placeholder"):
        patch_content_light(path, Coding.HEVC, ContentLight(500, 100))
    assert path.read_bytes() == patched

import math
from pathlib import Path

import pytest
import torch

from tsexpand.codecs.exr import Compression, write_exr
from tsexpand.errors import InputError
from tsexpand.training.scenes import (
    Pose,
    Scene,
    Window,
    load_scene,
    load_scenes,
    panorama_view,
    photograph_view,
)


def test_panoramas_and_photographs_are_told_apart(scene_folder: Path) -> None:
    scenes = {scene.name: scene for scene in load_scenes([scene_folder]).scenes}
    assert scenes["hall"].panorama and scenes["yard"].panorama
    assert not scenes["photograph"].panorama


def test_no_scenes_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.exr or \.hdr scenes"):
        load_scenes([tmp_path])


def test_an_unreadable_scene_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.exr").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"bad\.exr"):
        load_scene(tmp_path / "bad.exr")


def test_scenes_come_from_several_folders_and_bad_ones_are_counted(scene_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.exr").write_bytes(b"not a picture")
    (tmp_path / "notes.txt").write_text("not a scene")
    found = load_scenes([scene_folder, tmp_path])
    assert [scene.name for scene in found.scenes] == ["hall", "photograph", "yard"]
    assert len(found.refused) == 1 and "bad.exr" in found.refused[0]


def test_folders_of_bad_scenes_only_are_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.hdr").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"none of 2 scenes.*a\.hdr"):
        load_scenes([tmp_path])


def sdr_codes() -> torch.Tensor:
    return (torch.rand(3, 40, 60) * 255).round() / 255


def clipped() -> torch.Tensor:
    return (torch.rand(3, 40, 60) * 1.5).clamp_max(1.0)


@pytest.mark.parametrize(
    ("light", "reason"), [(sdr_codes(), "SDR"), (clipped(), "clipped"), (torch.zeros(3, 40, 60), "black")]
)
def test_a_scene_of_no_more_than_sdr_is_refused(tmp_path: Path, light: torch.Tensor, reason: str) -> None:
    write_exr(tmp_path / "scene.exr", light.half(), {}, Compression.ZIP)
    with pytest.raises(InputError, match=rf"scene\.exr: .*{reason}"):
        load_scene(tmp_path / "scene.exr")


def test_pixels_that_are_no_numbers_are_scrubbed(tmp_path: Path) -> None:
    light = torch.rand(3, 40, 60) * 4
    light[:, 0, 0], light[:, 1, 1], light[:, 2, 2] = math.nan, math.inf, -1.0
    write_exr(tmp_path / "scene.exr", light.half(), {}, Compression.ZIP)
    scene = load_scene(tmp_path / "scene.exr")
    assert scene.light.isfinite().all() and scene.light.min() == 0


@pytest.mark.parametrize(
    ("size", "expected", "panorama"), [((1050, 2100), (1024, 2064), True), ((1000, 4000), (512, 2048), False)]
)
def test_a_scene_is_kept_no_larger_than_a_view_needs(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int], panorama: bool
) -> None:
    light = torch.rand(3, *size, generator=torch.Generator().manual_seed(3)) * 4
    write_exr(tmp_path / "scene.exr", light.half(), {}, Compression.NONE)
    scene = load_scene(tmp_path / "scene.exr")
    assert (scene.light.shape, scene.panorama) == ((3, *expected), panorama)
    assert scene.light.dtype is torch.float16
    assert float(scene.light.float().mean()) == pytest.approx(2.0, rel=0.01)
    if panorama:
        assert torch.equal(scene.light[..., :16], scene.light[..., -16:])


def test_a_large_scene_of_8_bit_codes_is_refused_before_it_is_made_smaller(tmp_path: Path) -> None:
    codes = (torch.rand(3, 8, 4096) * 255).round() / 255
    write_exr(tmp_path / "scene.exr", codes.half(), {}, Compression.ZIP)
    with pytest.raises(InputError, match="an SDR picture"):
        load_scene(tmp_path / "scene.exr")


def test_scenes_without_room_are_an_error(scene_folder: Path) -> None:
    size = load_scenes([scene_folder]).size
    assert size == 2 * 3 * 64 * (2 * (128 + 16) + 80)
    assert len(load_scenes([scene_folder], size).scenes) == 3
    with pytest.raises(InputError, match=r"3 of 3 scenes take more memory .*0\.0 GiB.*dataset prepare"):
        load_scenes([scene_folder], size - 1)


def test_a_sun_beyond_half_float_stays_finite(tmp_path: Path) -> None:
    header = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 40 +X 60\n"
    pixels = bytes(v for i in range(2400) for v in (i % 251, (7 * i) % 241, (3 * i) % 239, 128 + i % 9))
    (tmp_path / "sun.hdr").write_bytes(header + pixels[:-4] + bytes([200, 200, 200, 150]))
    scene = load_scene(tmp_path / "sun.hdr")
    assert scene.light.isfinite().all() and scene.light.max() > 60000


def panorama(light: torch.Tensor) -> Scene:
    return Scene("test", torch.cat([light[..., -8:], light, light[..., :8]], -1).half(), True)


def test_the_camera_looks_where_it_is_turned() -> None:
    light = torch.zeros(3, 64, 128)
    light[:, 31:33, 63:65] = 1.0  # straight ahead
    light[:, 31:33, 95:97] = 2.0  # a quarter turn to the right
    ahead = panorama_view(panorama(light), Pose(0.0, 0.0, math.radians(60)), 33, 33)
    right = panorama_view(panorama(light), Pose(math.pi / 2, 0.0, math.radians(60)), 33, 33)
    assert ahead[0, 16, 16] == pytest.approx(1.0, abs=0.01)
    assert right[0, 16, 16] == pytest.approx(2.0, abs=0.01)


def test_the_seam_of_a_panorama_does_not_show() -> None:
    view = panorama_view(panorama(torch.ones(3, 64, 128)), Pose(math.pi, 0.0, math.radians(90)), 32, 48)
    assert torch.allclose(view, torch.ones_like(view), atol=1e-3)


def test_a_view_of_a_photograph_has_the_asked_size() -> None:
    view = photograph_view(Scene("p", torch.ones(3, 40, 60).half(), False), 1.0, 1.0, 0.5, 27, 48)
    assert view.shape == (3, 27, 48)
    assert torch.allclose(view, torch.ones_like(view), atol=1e-3)


def test_a_window_is_a_part_of_the_view() -> None:
    scene = panorama(torch.rand(3, 64, 128, generator=torch.Generator().manual_seed(2)))
    pose = Pose(2.9, 0.3, math.radians(80))
    whole = panorama_view(scene, pose, 60, 90)
    part = panorama_view(scene, pose, 60, 90, Window(11, 7, 20, 30))
    assert torch.allclose(part, whole[:, 11:31, 7:37], atol=1e-4)

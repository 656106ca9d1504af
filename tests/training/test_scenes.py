import math
from pathlib import Path

import pytest
import torch

from tsexpand.errors import InputError
from tsexpand.training.scenes import Scene, load_scene, load_scenes, panorama_view, photograph_view


def test_panoramas_and_photographs_are_told_apart(scene_folder: Path) -> None:
    scenes = {scene.name: scene for scene in load_scenes(scene_folder)}
    assert scenes["hall"].panorama and scenes["yard"].panorama
    assert not scenes["photograph"].panorama


def test_no_scenes_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.exr scenes"):
        load_scenes(tmp_path)


def test_an_unreadable_scene_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.exr").write_bytes(b"not a picture")
    with pytest.raises(InputError, match=r"bad\.exr"):
        load_scene(tmp_path / "bad.exr")


def panorama(light: torch.Tensor) -> Scene:
    return Scene("test", torch.cat([light[..., -8:], light, light[..., :8]], -1).half(), True)


def test_the_camera_looks_where_it_is_turned() -> None:
    light = torch.zeros(3, 64, 128)
    light[:, 31:33, 63:65] = 1.0  # straight ahead
    light[:, 31:33, 95:97] = 2.0  # a quarter turn to the right
    ahead = panorama_view(panorama(light), 0.0, 0.0, math.radians(60), 33, 33)
    right = panorama_view(panorama(light), math.pi / 2, 0.0, math.radians(60), 33, 33)
    assert ahead[0, 16, 16] == pytest.approx(1.0, abs=0.01)
    assert right[0, 16, 16] == pytest.approx(2.0, abs=0.01)


def test_the_seam_of_a_panorama_does_not_show() -> None:
    view = panorama_view(panorama(torch.ones(3, 64, 128)), math.pi, 0.0, math.radians(90), 32, 48)
    assert torch.allclose(view, torch.ones_like(view), atol=1e-3)


def test_a_view_of_a_photograph_has_the_asked_size() -> None:
    view = photograph_view(Scene("p", torch.ones(3, 40, 60).half(), False), 1.0, 1.0, 0.5, 27, 48)
    assert view.shape == (3, 27, 48)
    assert torch.allclose(view, torch.ones_like(view), atol=1e-3)

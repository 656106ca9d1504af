from pathlib import Path

import pytest

from tests.training.small_scenes import write_scenes


@pytest.fixture(scope="session")
def scene_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two panoramas with a bright window, and a photograph."""
    return write_scenes(tmp_path_factory.mktemp("scenes"))

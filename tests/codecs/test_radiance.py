import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from tsexpand.codecs.images import read_radiance
from tsexpand.codecs.radiance import rgbe, write_radiance
from tsexpand.errors import OutputError


def light(width: int, height: int) -> torch.Tensor:
    """Noise over 12 stops, with flat and black areas."""
    generator = torch.Generator().manual_seed(width)
    picture = torch.rand(3, height, width, generator=generator) * 2 ** (
        12 * torch.rand(1, height, width, generator=generator) - 6
    )
    picture[:, : height // 3] = 0.25
    picture[:, :, width // 2 :] *= 0
    return picture


@pytest.mark.parametrize(("width", "height"), [(64, 48), (1, 1), (7, 5), (8, 3), (127, 2), (300, 70), (513, 3)])
def test_what_was_written_is_read(tmp_path: Path, width: int, height: int) -> None:
    picture = light(width, height)
    write_radiance(tmp_path / "a.hdr", picture, {"SOFTWARE": "test"})
    read = read_radiance(tmp_path / "a.hdr")
    assert read.shape == picture.shape
    assert ((read - picture).abs() <= picture.amax(dim=0) / 255).all()
    assert read[:, picture.amax(dim=0) == 0].abs().max() == 0


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ((1.0, 0.5, 0.25), (128, 64, 32, 129)),
        ((0.999, 0.0, 0.0), (128, 0, 0, 129)),  # 255.7 is 256, which is 128 of the next exponent
        ((0.0, 0.0, 0.0), (0, 0, 0, 0)),
        ((1e-39, 0.0, 0.0), (0, 0, 0, 0)),
        ((65504.0, 1.0, 0.0), (128, 0, 0, 145)),
    ],
)
def test_codes_are_those_of_the_format(values: tuple[float, ...], code: tuple[int, ...]) -> None:
    assert tuple(rgbe(torch.tensor(values).view(3, 1, 1)).ravel()) == code


def test_runs_make_it_small(tmp_path: Path) -> None:
    write_radiance(tmp_path / "a.hdr", torch.full((3, 100, 1000), 0.5), {})
    assert (tmp_path / "a.hdr").stat().st_size < 100 * 100


def test_opencv_and_openimageio_read_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.hdr"
    write_radiance(path, light(64, 48), {"PRIMARIES": "0.64 0.33 0.3 0.6 0.15 0.06 0.3127 0.329"})
    ours = read_radiance(path).permute(1, 2, 0).numpy()
    cv2 = pytest.importorskip("cv2")
    assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1], ours)
    if shutil.which("oiiotool") is None:
        pytest.skip("needs oiiotool")
    stats = subprocess.check_output(["oiiotool", "--stats", path], text=True)
    assert f"Stats Max: {' '.join(f'{v:f}' for v in ours.max(axis=(0, 1)))}" in stats


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        write_radiance(tmp_path / "no/a.hdr", torch.zeros(3, 2, 2), {})

from types import ModuleType

import numpy as np
import pytest
import torch

from tests.evaluation.light import WHITE, moving_light, unsteady
from tsexpand.colour.pu21 import pu21
from tsexpand.evaluation.metrics import Shown, SquareError, colour_difference, psnr, score_frame, unit_range

TRUTH = moving_light(1).float() * WHITE
PREDICTION = unsteady(moving_light(1)).float() * WHITE


@pytest.fixture(scope="module")
def skimage() -> ModuleType:
    module: ModuleType = pytest.importorskip("skimage.metrics", reason="scikit-image, the oracle, is not installed")
    return module


def rows(light: torch.Tensor) -> np.ndarray:
    """(H, W, 3) as others have it."""
    return light[0].permute(1, 2, 0).double().numpy()


def test_plain_metrics_agree_with_scikit_image(skimage: ModuleType) -> None:
    """As the origin measures: each frame mapped to [0, 1] (`util.map_range`)."""
    ours = score_frame(Shown.of(PREDICTION), Shown.of(TRUTH))
    truth, prediction = (np.interp(p, [p.min(), p.max()], [0, 1]) for p in (rows(TRUTH), rows(PREDICTION)))
    assert ours.mse == pytest.approx(skimage.mean_squared_error(truth, prediction), rel=1e-5)
    expected = skimage.peak_signal_noise_ratio(truth, prediction, data_range=1)
    assert psnr(ours.mse) == pytest.approx(expected, abs=1e-4)
    structure = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = skimage.structural_similarity(truth, prediction, data_range=1, channel_axis=-1, **structure)
    assert ours.ssim == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("peak", "name"), [(1000, "pu1000"), (4000, "pu4000")])
def test_pu21_metrics_agree_with_scikit_image(skimage: ModuleType, peak: float, name: str) -> None:
    """The authors' `pu21_metric.m`: PSNR of colour, peak 256."""
    ours: SquareError = getattr(score_frame(Shown.of(PREDICTION * 3), Shown.of(TRUTH * 3)), name)
    truth, prediction = (rows(pu21((light * 3).double().clamp_max(peak))) for light in (TRUTH, PREDICTION))
    assert ours.pu_psnr == pytest.approx(skimage.peak_signal_noise_ratio(truth, prediction, data_range=256), abs=1e-3)


def test_pu21_ssim_agrees_with_scikit_image(skimage: ModuleType) -> None:
    """The authors': SSIM of the PU21 luminance, dynamic range 256."""
    weights = np.array([0.212656, 0.715158, 0.072186])
    truth, prediction = (pu21(torch.from_numpy(rows(light) @ weights)).numpy() for light in (TRUTH, PREDICTION))
    expected = skimage.structural_similarity(
        truth, prediction, data_range=256, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert score_frame(Shown.of(PREDICTION), Shown.of(TRUTH)).pu_ssim == pytest.approx(expected, abs=1e-4)


def test_colour_difference_agrees_with_colour_science(oracle: ModuleType) -> None:
    spaces = oracle.RGB_COLOURSPACES
    wide = [
        oracle.RGB_to_RGB(rows(light), spaces["ITU-R BT.709"], spaces["ITU-R BT.2020"]) for light in (PREDICTION, TRUTH)
    ]
    encoded = [oracle.RGB_to_ICtCp(light, method="ITU-R BT.2100-2 PQ") for light in wide]
    expected = oracle.difference.delta_E_ITP(*encoded)
    ours = colour_difference(PREDICTION, TRUTH)[0, 0]
    assert np.allclose(ours, expected, atol=0.1)
    assert float(ours.mean()) == pytest.approx(expected.mean(), abs=0.01)


def test_equal_frames_are_perfect() -> None:
    scores = score_frame(Shown.of(TRUTH), Shown.of(TRUTH))
    assert (scores.mse, scores.delta_e_itp) == (0, 0)
    assert (scores.ssim, scores.pu_ssim) == pytest.approx((1, 1), abs=1e-6)
    assert scores.pu4000.pu_psnr == pytest.approx(138.2, abs=0.1)


def test_areas_are_those_of_the_reference() -> None:
    scores = score_frame(Shown.of(PREDICTION), Shown.of(TRUTH))
    clipped = int((TRUTH.amax(1) >= WHITE).sum()) * 3
    assert (scores.clipped.count, scores.rest.count) == (clipped, TRUTH.numel() - clipped)
    assert scores.clipped.total + scores.rest.total == pytest.approx(scores.pu4000.total)


def test_a_flat_frame_has_no_range() -> None:
    assert not unit_range(torch.full((1, 3, 4, 4), 7.0)).any()


def test_nothing_has_no_psnr() -> None:
    assert np.isnan(SquareError().pu_psnr)

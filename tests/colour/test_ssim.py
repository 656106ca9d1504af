import numpy as np
import pytest
import torch

from tsexpand.colour.ssim import WINDOW, ssim


def pictures(channels: int, data_range: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    first = torch.rand(2, channels, 40, 53, generator=generator, dtype=torch.float64)
    first = torch.nn.functional.avg_pool2d(first, 5, stride=1)  # some structure
    second = first + 0.03 * torch.randn(first.shape, generator=generator, dtype=torch.float64)
    return first * data_range, second * data_range


@pytest.mark.parametrize("data_range", [1.0, 256.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_agrees_with_scikit_image(channels: int, data_range: float) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image, the oracle, is not installed")
    first, second = pictures(channels, data_range)
    expected = [
        metrics.structural_similarity(
            a.numpy(), b.numpy(), data_range=data_range, channel_axis=0,
            gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        )
        for a, b in zip(first, second, strict=True)
    ]  # fmt: skip
    assert np.allclose(ssim(first, second, data_range), expected, atol=1e-12)
    assert np.allclose(ssim(first.float(), second.float(), data_range), expected, atol=1e-5)


def test_equal_pictures_are_one_and_order_is_of_no_effect() -> None:
    first, second = pictures(3, 1.0)
    assert torch.allclose(ssim(first, first, 1.0), torch.ones(2, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(ssim(first, second, 1.0), ssim(second, first, 1.0))


def test_gradients_are_right() -> None:
    first, second = (picture[:1, :1, :12, :12].requires_grad_() for picture in pictures(1, 1.0))
    assert torch.autograd.gradcheck(lambda a, b: ssim(a, b, 1.0), (first, second))


def test_pictures_smaller_than_the_window_are_refused() -> None:
    small = torch.zeros(1, 1, WINDOW - 1, 40)
    with pytest.raises(ValueError, match="smaller than the window"):
        ssim(small, small, 1.0)

"""SSIM: how alike the structure of two pictures is."""

import math

from torch import Tensor

WINDOW = 11
"""Side of the Gaussian window, pixels; pictures must be at least that large."""

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def _gaussian() -> list[float]:
    weights = [math.exp(-0.5 * ((place - WINDOW // 2) / _SIGMA) ** 2) for place in range(WINDOW)]
    return [weight / sum(weights) for weight in weights]


_WEIGHTS = _gaussian()


def ssim(first: Tensor, second: Tensor, data_range: float) -> Tensor:
    """Mean structural similarity, differentiable.

    Args:
        first: (N, C, H, W), floating point; H and W at least `WINDOW`.
        second: likewise.
        data_range: what the values span: 1 for pictures in [0, 1], 256 for PU21.

    Returns:
        (N,), mean over the channels and the places where the whole window fits; 1 where the pictures are equal.

    Raises:
        ValueError: the pictures are smaller than the window.

    Reference:
        Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE
        Transactions on Image Processing 13(4), 2004, equation 13, with the statistics of its section III-B.
    """
    if min(first.shape[-2:]) < WINDOW:
        raise ValueError(f"pictures of {tuple(first.shape[-2:])} are smaller than the window of {WINDOW}")
    products = (first, second, first * first, second * second, first * second)
    mean1, mean2, square1, square2, product = (_local_mean(values) for values in products)
    variances = square1 + square2 - mean1**2 - mean2**2
    covariance = product - mean1 * mean2
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    luminance = (2 * mean1 * mean2 + c1) / (mean1**2 + mean2**2 + c1)
    return (luminance * (2 * covariance + c2) / (variances + c2)).mean(dim=(1, 2, 3))


def _local_mean(values: Tensor) -> Tensor:
    """Gaussian means (..., H, W) to (..., H − 10, W − 10), by shifts: faster here than a convolution of one channel."""
    return _filtered(_filtered(values, dim=-2), dim=-1)


def _filtered(values: Tensor, dim: int) -> Tensor:
    length = values.shape[dim] - WINDOW + 1
    result = values.narrow(dim, 0, length) * _WEIGHTS[0]
    for offset, weight in enumerate(_WEIGHTS[1:], start=1):
        result = result.add_(values.narrow(dim, offset, length), alpha=weight)
    return result

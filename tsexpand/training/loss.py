"""How far a prediction is from the truth."""

import torch.nn.functional as F
from torch import Tensor

COSINE_WEIGHT = 0.5
"""Weight of the cosine term on PQ signals; the paper's 5 is for linear light in [0, 1]."""


SQUARE_WEIGHT = 15.0
"""Weight of the squared error, which pulls highlights from their median towards their mean: PSNR asks for it."""


def reconstruction_loss(prediction: Tensor, truth: Tensor) -> Tensor:
    """L1, colour direction and squared error: |p − t| + 0.5·(1 − cosine over channels) + 15·(p − t)², means.

    Args:
        prediction: (N, 3, H, W), PQ signal.
        truth: (N, 3, H, W), PQ signal.

    Returns:
        Scalar.

    Reference:
        arXiv 1803.02266, section 4.3, for the first two terms.
    """
    cosine = F.cosine_similarity(prediction, truth, dim=1, eps=1e-6).mean()
    square = F.mse_loss(prediction, truth)
    return F.l1_loss(prediction, truth) + COSINE_WEIGHT * (1 - cosine) + SQUARE_WEIGHT * square

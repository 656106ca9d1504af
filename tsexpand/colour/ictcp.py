"""ICtCp, and the colour difference that is measured in it."""

import torch
from torch import Tensor

from .transfer import pq_inverse_eotf

_RGB_TO_LMS = torch.tensor([[1688, 2146, 262], [683, 2951, 462], [99, 309, 3688]], dtype=torch.float64) / 4096
_LMS_TO_ICTCP = torch.tensor([[2048, 2048, 0], [6610, -13613, 7003], [17933, -17390, -543]], dtype=torch.float64) / 4096


def ictcp(light: Tensor) -> Tensor:
    """ICtCp of absolute light.

    Args:
        light: (N, 3, H, W), BT.2020 RGB in cd/m²; cones are clamped to [0, 10 000].

    Returns:
        (N, 3, H, W): I in [0, 1], Ct and Cp about 0 for greys.

    Reference:
        Rec. ITU-R BT.2100-2, table 7 (PQ).
    """
    lms = torch.einsum("ij,njhw->nihw", _RGB_TO_LMS.to(light), light)
    return torch.einsum("ij,njhw->nihw", _LMS_TO_ICTCP.to(light), pq_inverse_eotf(lms))


def delta_e_itp(first: Tensor, second: Tensor) -> Tensor:
    """Colour difference ΔE_ITP: 1 is just noticeable where the eye is most critical.

    Args:
        first: (N, 3, H, W), BT.2020 RGB in cd/m².
        second: likewise.

    Returns:
        (N, 1, H, W), no unit. In float32 rounding makes up to 0.1 of it in a pixel, 0.001 of a mean.

    Reference:
        Rec. ITU-R BT.2124-0, annex 1: ΔE_ITP = 720·√(ΔI² + ΔT² + ΔP²) with T = Ct/2, P = Cp.
    """
    difference = ictcp(first) - ictcp(second)
    intensity, tritan, protan = difference.unbind(dim=1)
    squares = intensity**2 + (tritan / 2) ** 2 + protan**2
    return 720 * squares.sqrt().unsqueeze(1)

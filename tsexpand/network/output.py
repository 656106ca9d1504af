"""What the network's output means as light: a weights file names its parametrisation."""

from enum import Enum

import torch
from torch import Tensor

from ..colour.transfer import bt1886_eotf, pq_eotf, pq_inverse_eotf

REFERENCE_WHITE = 203.0
"""Luminance of SDR reference white, cd/m²: BT.2408-7, section 2.2; what absolute weights are trained for."""


class Parametrisation(Enum):
    """How the sigmoid's output is light.

    RELATIVE, as published: linear light in [0, 1], of unknown exposure.
    ABSOLUTE, ours: a PQ signal, that is absolute light with SDR reference white at 203 cd/m².
        The analytic light is added before the sigmoid, so that a network of zeros shows the
        SDR picture unchanged, and black stays black.
    """

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


def analytic_light(signal: Tensor) -> Tensor:
    """Light that an SDR display at reference white 203 cd/m² shows: R′G′B′ in [0, 1] to cd/m²."""
    return REFERENCE_WHITE * bt1886_eotf(signal)


def absolute_pq(logits: Tensor, signal: Tensor) -> Tensor:
    """PQ signal of the network's light.

    Args:
        logits: (N, 3, H, W), from `ExpandNet.forward`, float32.
        signal: (N, 3, H, W), the network's input, R′G′B′ in [0, 1].

    Returns:
        (N, 3, H, W), PQ signal in (0, 1).
    """
    return torch.sigmoid(logits + torch.logit(pq_inverse_eotf(analytic_light(signal.float()))))


def light(logits: Tensor, signal: Tensor, parametrisation: Parametrisation) -> Tensor:
    """Linear light of the network's output.

    Args:
        logits: (N, 3, H, W), from `ExpandNet.forward`, float32.
        signal: (N, 3, H, W), the network's input, R′G′B′ in [0, 1].
        parametrisation: what the weights were trained for.

    Returns:
        (N, 3, H, W), cd/m² for ABSOLUTE, in [0, 1] for RELATIVE.
    """
    if parametrisation is Parametrisation.RELATIVE:
        return torch.sigmoid(logits)
    return pq_eotf(absolute_pq(logits, signal))

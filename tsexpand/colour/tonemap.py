"""Fitting light into the peak of a display."""

import torch
from torch import Tensor

from .transfer import PQ_PEAK, pq_eotf, pq_inverse_eotf


def roll_off(light: Tensor, peak: float, reference_white: float) -> Tensor:
    """Compresses what is far above reference white smoothly below the peak, hue kept.

    A fixed curve of the brightest of R, G, B in PQ: unchanged up to a knee, of slope one there,
    approaching the peak above. The knee is that of the BT.2390 EETF for a source of 10 000 cd/m²,
    or reference white where that is brighter, so that whites and mid-tones never move.

    Args:
        light: (N, 3, H, W), cd/m².
        peak: cd/m², above the reference white.
        reference_white: cd/m².

    Returns:
        (N, 3, H, W), cd/m², nowhere above the peak; the same tensor for a peak of 10 000.

    Reference:
        Rec. ITU-R BT.2390-11, section 5.4.1 (knee); the exponential shoulder is ours, as the
        spline given there is not monotonic with a higher knee.
    """
    if peak >= PQ_PEAK:
        return light
    top, white = pq_inverse_eotf(torch.tensor([peak, reference_white], dtype=torch.float64)).tolist()
    knee = max(1.5 * top - 0.5, white)
    brightest = light.amax(dim=1, keepdim=True)
    signal = pq_inverse_eotf(brightest)
    shoulder = knee + (top - knee) * -((knee - signal) / (top - knee)).expm1()
    mapped = pq_eotf(shoulder).clamp_max(peak)
    ratio = (mapped / brightest.clamp_min(1e-6)).where(signal > knee, light.new_ones(()))
    return light * ratio

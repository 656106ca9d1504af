"""Transfer functions: between non-linear signal E′ and linear light.

Light is relative (1 = SDR reference white) for the SDR functions and in cd/m² for PQ and HLG.
All functions take any shape, keep dtype and device, and want float32 or better: half precision
can't carry PQ.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .codes import Transfer

PQ_PEAK = 10000.0
"""Luminance of PQ signal 1.0, cd/m²."""

_PQ_M1 = 2610 / 16384
_PQ_M2 = 2523 / 4096 * 128
_PQ_C1 = 3424 / 4096
_PQ_C2 = 2413 / 4096 * 32
_PQ_C3 = 2392 / 4096 * 32

_HLG_A = 0.17883277
_HLG_B = 1 - 4 * _HLG_A
_HLG_C = 0.55991073
_HLG_GAMMA = 1.2
"""System gamma of a 1000 cd/m² display (BT.2100-2 table 5, note 5f)."""

HLG_PEAK = 1000.0
"""Nominal peak luminance of the HLG reference display, cd/m²."""

BT1886_EXPONENT = 2.4


def bt1886_eotf(signal: Tensor) -> Tensor:
    """Relative display light of an SDR signal, for a display with a perfect black.

    Args:
        signal: E′ in [0, 1]; below 0 is black.

    Returns:
        Light, 1 at signal 1.

    Reference:
        Rec. ITU-R BT.1886, annex 1, with L_B = 0.
    """
    return signal.clamp_min(0) ** BT1886_EXPONENT


def bt1886_inverse_eotf(light: Tensor) -> Tensor:
    """Signal that shows the relative light on a BT.1886 display; inverse of `bt1886_eotf`."""
    return light.clamp_min(0) ** (1 / BT1886_EXPONENT)


def srgb_eotf(signal: Tensor) -> Tensor:
    """Relative light of an sRGB signal (IEC 61966-2-1:1999)."""
    signal = signal.clamp_min(0)
    curve = ((signal + 0.055) / 1.055) ** 2.4
    return torch.where(signal <= 0.04045, signal / 12.92, curve)


def gamma22_eotf(signal: Tensor) -> Tensor:
    """Relative light with exponent 2.2 (H.273 transfer 4, assumed display of BT.470 System M)."""
    return signal.clamp_min(0) ** 2.2


def gamma28_eotf(signal: Tensor) -> Tensor:
    """Relative light with exponent 2.8 (H.273 transfer 5, assumed display of BT.470 System B, G)."""
    return signal.clamp_min(0) ** 2.8


def pq_eotf(signal: Tensor) -> Tensor:
    """Display light of a PQ signal.

    Args:
        signal: non-linear E′ in [0, 1], any shape.

    Returns:
        Luminance in cd/m², in [0, 10 000], same shape.

    Reference:
        Rec. ITU-R BT.2100-2, table 4; SMPTE ST 2084:2014.
    """
    power = signal.clamp(0, 1) ** (1 / _PQ_M2)
    ratio = (power - _PQ_C1).clamp_min(0) / (_PQ_C2 - _PQ_C3 * power)
    return PQ_PEAK * ratio ** (1 / _PQ_M1)


def pq_inverse_eotf(light: Tensor) -> Tensor:
    """PQ signal of display light.

    Args:
        light: luminance in cd/m²; clamped to [0, 10 000].

    Returns:
        E′ in [0, 1]; 7.3e-7 for black.

    Reference:
        Rec. ITU-R BT.2100-2, table 4; SMPTE ST 2084:2014.
    """
    power = (light.clamp(0, PQ_PEAK) / PQ_PEAK) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2


def hlg_oetf(scene: Tensor) -> Tensor:
    """HLG signal of scene light in [0, 1] (BT.2100-2, table 5)."""
    scene = scene.clamp(0, 1)
    low = (3 * scene).sqrt()
    high = _HLG_A * (12 * scene - _HLG_B).clamp_min(1e-6).log() + _HLG_C
    return torch.where(scene <= 1 / 12, low, high)


def hlg_inverse_oetf(signal: Tensor) -> Tensor:
    """Scene light in [0, 1] of an HLG signal (BT.2100-2, table 5)."""
    signal = signal.clamp(0, 1)
    return torch.where(signal <= 0.5, signal**2 / 3, (((signal - _HLG_C) / _HLG_A).exp() + _HLG_B) / 12)


def hlg_eotf(signal: Tensor, luma_weights: Tensor) -> Tensor:
    """Display light of an HLG R′G′B′ signal on the 1000 cd/m² reference display.

    Args:
        signal: (N, 3, H, W), BT.2020 R′G′B′ in [0, 1].
        luma_weights: (3,), share of R, G, B in luminance.

    Returns:
        (N, 3, H, W) in cd/m².

    Reference:
        Rec. ITU-R BT.2100-2, table 5: inverse OETF, then OOTF F_D = α·Y_S^(γ−1)·E.
    """
    scene = hlg_inverse_oetf(signal)
    luminance = torch.einsum("nchw,c->nhw", scene, luma_weights).unsqueeze(1)
    return HLG_PEAK * luminance ** (_HLG_GAMMA - 1) * scene


def hlg_inverse_eotf(light: Tensor, luma_weights: Tensor) -> Tensor:
    """HLG R′G′B′ signal that shows the light on the 1000 cd/m² reference display.

    Args:
        light: (N, 3, H, W), BT.2020 RGB in cd/m²; beyond what the signal can carry it is clipped.
        luma_weights: (3,), share of R, G, B in luminance.

    Returns:
        (N, 3, H, W), E′ in [0, 1].

    Reference:
        Rec. ITU-R BT.2100-2, table 5: inverse OOTF, then OETF.
    """
    relative = light.clamp_min(0) / HLG_PEAK
    luminance = torch.einsum("nchw,c->nhw", relative, luma_weights).unsqueeze(1)
    scale = luminance.clamp_min(1e-9) ** ((1 - _HLG_GAMMA) / _HLG_GAMMA)
    return hlg_oetf(relative * scale)


SDR_EOTF: dict[Transfer, Callable[[Tensor], Tensor]] = {
    **dict.fromkeys(
        (
            Transfer.BT709,
            Transfer.SMPTE170M,
            Transfer.SMPTE240M,
            Transfer.XVYCC,
            Transfer.BT1361,
            Transfer.BT2020_10,
            Transfer.BT2020_12,
        ),
        bt1886_eotf,
    ),
    Transfer.SRGB: srgb_eotf,
    Transfer.GAMMA22: gamma22_eotf,
    Transfer.GAMMA28: gamma28_eotf,
}
"""How SDR is displayed. Codes 1, 6, 14, 15 name camera OETFs; their display is BT.1886."""

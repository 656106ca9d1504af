"""RGB colour spaces by their chromaticities; every matrix is derived from them in float64."""

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor

from ..constants import constant
from .codes import Primaries

XY = tuple[float, float]

D65: XY = (0.3127, 0.3290)
"""White point of BT.709, BT.2020 and most of television."""

_ILLUMINANT_C: XY = (0.310, 0.316)
_DCI_WHITE: XY = (0.314, 0.351)


@dataclass(frozen=True, slots=True)
class Chromaticities:
    """CIE 1931 xy of red, green, blue and white."""

    red: XY
    green: XY
    blue: XY
    white: XY


CHROMATICITIES: dict[Primaries, Chromaticities] = {
    Primaries.BT709: Chromaticities((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65),
    Primaries.BT470M: Chromaticities((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _ILLUMINANT_C),
    Primaries.BT470BG: Chromaticities((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    Primaries.SMPTE170M: Chromaticities((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    Primaries.SMPTE240M: Chromaticities((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    Primaries.FILM: Chromaticities((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _ILLUMINANT_C),
    Primaries.BT2020: Chromaticities((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    Primaries.SMPTE431: Chromaticities((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI_WHITE),
    Primaries.SMPTE432: Chromaticities((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    Primaries.EBU3213: Chromaticities((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
"""Rec. ITU-T H.273, table 2."""

_ACES_WHITE: XY = (0.32168, 0.33767)

ACES_AP0 = Chromaticities((0.7347, 0.2653), (0.0, 1.0), (0.0001, -0.0770), _ACES_WHITE)
"""ACES2065-1, of interchange and archives (SMPTE ST 2065-1:2021, table 1)."""

ACES_AP1 = Chromaticities((0.713, 0.293), (0.165, 0.830), (0.128, 0.044), _ACES_WHITE)
"""ACEScg, of rendering and compositing (Academy S-2014-004, table 1)."""

RgbSpace: TypeAlias = Primaries | Chromaticities
"""By its code point, or, where H.273 has none for it, by its chromaticities."""

_BRADFORD = torch.tensor(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]], dtype=torch.float64
)


def _xyz(xy: XY) -> Tensor:
    x, y = xy
    return torch.tensor([x / y, 1.0, (1 - x - y) / y], dtype=torch.float64)


def chromaticities_of(space: RgbSpace) -> Chromaticities:
    """Where the primaries and the white of a space lie."""
    return space if isinstance(space, Chromaticities) else CHROMATICITIES[space]


@cache
def rgb_to_xyz(space: RgbSpace) -> Tensor:
    """The (3, 3) float64 matrix from linear RGB to CIE XYZ, white at Y = 1.

    Reference:
        SMPTE RP 177:1993, section 3.3 (normalised primary matrix).
    """
    xy = chromaticities_of(space)
    columns = torch.stack([_xyz(xy.red), _xyz(xy.green), _xyz(xy.blue)], dim=1)
    scale: Tensor = torch.linalg.solve(columns, _xyz(xy.white))
    return columns * scale


def _adaptation(source: XY, target: XY) -> Tensor:
    """Linear Bradford adaptation between white points (ICC.1:2022, annex E)."""
    if source == target:
        return torch.eye(3, dtype=torch.float64)
    cone_source, cone_target = _BRADFORD @ _xyz(source), _BRADFORD @ _xyz(target)
    matrix: Tensor = torch.linalg.solve(_BRADFORD, torch.diag(cone_target / cone_source) @ _BRADFORD)
    return matrix


@cache
def conversion_matrix(source: RgbSpace, target: RgbSpace) -> Tensor:
    """The (3, 3) float64 matrix from linear RGB of `source` to linear RGB of `target`.

    White stays white: differing white points are adapted.

    Reference:
        Rec. ITU-R BT.2087-0 for BT.709 to BT.2020, there rounded to four digits.
    """
    adaptation = _adaptation(chromaticities_of(source).white, chromaticities_of(target).white)
    matrix: Tensor = torch.linalg.solve(rgb_to_xyz(target), adaptation @ rgb_to_xyz(source))
    return matrix


def matrix_from_xyz(columns: Tensor, target: Primaries) -> Tensor:
    """The matrix from an RGB space that is given by its colours to linear RGB of `target`.

    Args:
        columns: (3, 3), float64: XYZ of red, green and blue; what they add up to is white, whichever it is.
        target: primaries wanted.

    Returns:
        (3, 3), float64; white stays white.
    """
    white = columns.sum(dim=1)
    x, y, _ = (white / white.sum()).tolist()
    adaptation = _adaptation((x, y), CHROMATICITIES[target].white)
    matrix: Tensor = torch.linalg.solve(rgb_to_xyz(target), adaptation @ columns / white[1])
    return matrix


def convert(light: Tensor, source: RgbSpace, target: RgbSpace) -> Tensor:
    """Linear RGB in other primaries.

    Args:
        light: (N, 3, H, W), linear; any unit.
        source: primaries it is in.
        target: primaries wanted.

    Returns:
        (N, 3, H, W), in the primaries of `target`; negative where the colour lies outside.
    """
    if chromaticities_of(source) == chromaticities_of(target):
        return light
    matrix = constant(light, conversion_matrix, source, target)
    return torch.einsum("ij,njhw->nihw", matrix, light)

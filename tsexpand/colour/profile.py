"""Colour as a picture's own profile defines it: curves and a matrix, where video has code points."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .codes import Matrix, Primaries, SignalRange, Transfer
from .primaries import CHROMATICITIES, matrix_from_xyz
from .shown import shown_signal
from .signal import SignalFormat
from .transfer import SDR_EOTF, bt1886_inverse_eotf
from .ycbcr import Planes

CURVE_SAMPLES = 65536
"""Of a curve that is a formula: one for each code of 16 bits, so that none of those, or of 8 bits, lies between two."""

_SAME_MATRIX = 0.003
"""Share of white by which primaries may differ and still be the same: profiles round, and adapt white in two ways."""

_SAME_LIGHT, _SAME_BLACK = 0.003, 1e-5
"""Share of itself, and of white, by which light may differ and still be the same: entries of 16 bits round."""

_WITHIN = 0.003
"""Share of white that a space may reach out of another and still lie within it: rounding, likewise."""

_CARRIERS = (Primaries.BT709, Primaries.SMPTE432, Primaries.BT2020)
"""Primaries that codes may be converted to, smallest first."""

_STRIP = 1 << 20
"""Pixels that are converted at once."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the R′G′B′ or grey of a picture mean.

    Attributes:
        curves: of R′, G′, B′, or one of all: (n,) each, float64: light at evenly spaced signals from 0 to 1.
        columns: (3, 3), float64: XYZ of red, green and blue, which add up to white.
        name: that it gives itself, may be empty.
    """

    curves: tuple[Tensor, ...]
    columns: Tensor
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.curves) not in (1, 3) or any(curve.ndim != 1 or len(curve) < 2 for curve in self.curves):
            raise ValueError("a profile has one curve or three, of two values or more")
        if self.columns.shape != (3, 3):
            raise ValueError(f"colours {tuple(self.columns.shape)} are not three")

    def code_points(self) -> tuple[Primaries, Transfer] | None:
        """The code points that say the same, None where none do."""
        primaries, transfer = self._primaries(), self._transfer()
        return None if primaries is None or transfer is None else (primaries, transfer)

    def _primaries(self) -> Primaries | None:
        distances = {p: float((matrix_from_xyz(self.columns, p) - torch.eye(3)).abs().max()) for p in CHROMATICITIES}
        nearest = min(distances, key=distances.__getitem__)
        return nearest if distances[nearest] < _SAME_MATRIX else None

    def _transfer(self) -> Transfer | None:
        for transfer in (Transfer.SRGB, Transfer.BT709, Transfer.GAMMA22, Transfer.GAMMA28):
            if all(_is_same(curve, transfer) for curve in self.curves):
                return transfer
        return None

    def carrier(self) -> Primaries:
        """The smallest of the primaries that pictures are converted to which hold all colours; else the largest."""
        fits = (p for p in _CARRIERS if float(matrix_from_xyz(self.columns, p).min()) > -_WITHIN)
        return next(fits, _CARRIERS[-1])


def _is_same(curve: Tensor, transfer: Transfer) -> bool:
    expected = SDR_EOTF[transfer](torch.linspace(0, 1, len(curve), dtype=torch.float64))
    return bool(((curve - expected).abs() <= _SAME_BLACK + _SAME_LIGHT * expected).all())


def power_curve(exponent: float) -> Tensor:
    """A curve of light = signal ^ exponent."""
    return torch.linspace(0, 1, CURVE_SAMPLES, dtype=torch.float64) ** exponent


def converted(planes: Planes, signal: SignalFormat, profile: Profile) -> tuple[Planes, SignalFormat, float]:
    """Code values that mean by code points what the given ones mean by a profile.

    Args:
        planes: code values of pictures, (N, h, w) each.
        signal: what they mean but for transfer and primaries, which the profile says.
        profile: of the pictures.

    Returns:
        (R′, G′, B′), (N, H, W), uint16; their meaning (BT.1886, full range, 16 bit); and the share of pixels
        whose colour had to be clipped, as it lies outside of all primaries there are.

    Reference:
        ICC.1:2022, F.3 (three-component matrix-based profiles): curves, then matrix; media-relative colorimetric.
    """
    carrier = profile.carrier()
    matrix = matrix_from_xyz(profile.columns, carrier).float()
    shown = shown_signal(planes, signal)
    count, _, height, width = shown.shape
    codes = torch.empty((3, count, height, width), dtype=torch.uint16)
    clipped, step = 0, max(1, _STRIP // width)
    for top in range(0, height, step):
        rows = slice(top, top + step)
        light = torch.einsum("ij,njhw->nihw", matrix, _applied(profile.curves, shown[:, :, rows]))
        clipped += int(((light < -_WITHIN) | (light > 1 + _WITHIN)).any(dim=1).sum())
        signals = bt1886_inverse_eotf(light.clamp(0, 1))
        codes[:, :, rows] = (signals * 65535).round().to(torch.uint16).transpose(0, 1)
    meaning = replace(
        signal,
        bit_depth=16,
        signal_range=SignalRange.FULL,
        matrix=Matrix.IDENTITY,
        transfer=Transfer.BT709,
        primaries=carrier,
    )
    return tuple(codes), meaning, clipped / (count * height * width)


def _applied(curves: Sequence[Tensor], shown: Tensor) -> Tensor:
    """Light (N, 3, h, w), float32, of R′G′B′ in [0, 1], interpolated linearly between the entries of the curves."""
    light = torch.empty_like(shown)
    for i in range(3):
        curve = curves[i % len(curves)].float()
        place = shown[:, i] * (len(curve) - 1)
        low = place.long().clamp_max(len(curve) - 2)
        light[:, i] = torch.lerp(curve[low], curve[low + 1], place - low)
    return light

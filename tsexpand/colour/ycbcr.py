"""Between planes of code values and R′G′B′: range, matrix, and where chroma lies.

Planes are tuples of (N, h, w) tensors: (Y′, Cb, Cr), (R′, G′, B′) or (Y′,). Between codes and
R′G′B′ stands the analogue form, float32: luma and R′G′B′ nominally in [0, 1], Cb and Cr in
[−0.5, 0.5].

Reference:
    Rec. ITU-T H.273 (07/2021), section 8.3 (equations 17 to 34 range, 38 to 47 matrix).
"""

from functools import cache

import torch
from torch import Tensor

from .codes import ChromaLocation, ChromaSampling, Matrix, SignalRange
from .signal import SignalFormat

Planes = tuple[Tensor, ...]

KR_KB: dict[Matrix, tuple[float, float]] = {
    Matrix.BT709: (0.2126, 0.0722),
    Matrix.FCC: (0.30, 0.11),
    Matrix.BT470BG: (0.299, 0.114),
    Matrix.SMPTE170M: (0.299, 0.114),
    Matrix.SMPTE240M: (0.212, 0.087),
    Matrix.BT2020_NCL: (0.2627, 0.0593),
}

# Fraction of a luma sample, for subsampling by two, from the top left luma sample to the chroma sample.
_OFFSETS: dict[ChromaLocation, tuple[float, float]] = {
    ChromaLocation.LEFT: (0.5, 0.0),
    ChromaLocation.CENTER: (0.5, 0.5),
    ChromaLocation.TOP_LEFT: (0.0, 0.0),
    ChromaLocation.TOP: (0.0, 0.5),
    ChromaLocation.BOTTOM_LEFT: (1.0, 0.0),
    ChromaLocation.BOTTOM: (1.0, 0.5),
}


def _scale(signal: SignalFormat, chroma: bool) -> tuple[float, float]:
    """(offset, span) of the codes of one plane."""
    step = 1 << (signal.bit_depth - 8)
    if signal.signal_range is SignalRange.FULL:
        peak = float((1 << signal.bit_depth) - 1)
        return (128.0 * step, peak) if chroma else (0.0, peak)
    return (128.0 * step, 224.0 * step) if chroma else (16.0 * step, 219.0 * step)


def _is_chroma(plane: int, signal: SignalFormat) -> bool:
    return plane > 0 and signal.matrix is not Matrix.IDENTITY


def dequantise(planes: Planes, signal: SignalFormat) -> Planes:
    """Code values to analogue: integer planes to float32 planes."""
    scales = [_scale(signal, _is_chroma(i, signal)) for i in range(len(planes))]
    return tuple((p.float() - offset) / span for p, (offset, span) in zip(planes, scales, strict=True))


def quantise(planes: Planes, signal: SignalFormat, dithers: Planes | None = None) -> Planes:
    """Analogue to code values, the one and only rounding.

    Args:
        planes: float32 planes.
        signal: the format to write.
        dithers: of each plane, (h, w) like it, in (−0.5, 0.5) code values.

    Returns:
        Planes of uint8 (8 bit) or uint16, clamped to the codes that video may carry.
    """
    dtype = torch.uint8 if signal.bit_depth == 8 else torch.uint16
    full = signal.signal_range is SignalRange.FULL
    reserved = 0 if full else 1 << (signal.bit_depth - 8)  # first and last codes are for timing
    codes = []
    for i, plane in enumerate(planes):
        offset, span = _scale(signal, _is_chroma(i, signal))
        code = plane * span + offset
        if dithers is not None:
            code = code + dithers[i]
        codes.append(code.round().clamp(reserved, (1 << signal.bit_depth) - 1 - reserved).to(dtype))
    return tuple(codes)


def quantise_opacity(alpha: Tensor, bit_depth: int) -> Tensor:
    """Opacity in [0, 1] to code values, which are of full range in every format: (N, H, W), uint16."""
    return (alpha * ((1 << bit_depth) - 1)).round().to(torch.uint16)


def ycbcr_to_rgb(planes: Planes, matrix: Matrix) -> Tensor:
    """Analogue Y′CbCr, all of one size, to R′G′B′.

    Args:
        planes: three planes, or luma alone (grey).
        matrix: IDENTITY for planes that are R′, G′, B′ already.

    Returns:
        (N, 3, H, W), float32, not clamped.
    """
    if len(planes) == 1:
        return planes[0].unsqueeze(1).expand(-1, 3, -1, -1)
    if matrix is Matrix.IDENTITY:
        return torch.stack(planes, dim=1)
    kr, kb = KR_KB[matrix]
    kg = 1 - kr - kb
    y, cb, cr = planes
    red = y + 2 * (1 - kr) * cr
    blue = y + 2 * (1 - kb) * cb
    green = y - 2 * kb * (1 - kb) / kg * cb - 2 * kr * (1 - kr) / kg * cr
    return torch.stack((red, green, blue), dim=1)


def rgb_to_ycbcr(rgb: Tensor, matrix: Matrix) -> Planes:
    """R′G′B′ (N, 3, H, W) to analogue Y′, Cb, Cr, each (N, H, W)."""
    kr, kb = KR_KB[matrix]
    red, green, blue = rgb.unbind(dim=1)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    return y, (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))


def _interpolate(plane: Tensor, size: int, factor: int, offset: float, dim: int) -> Tensor:
    """Linear interpolation along one dimension to `size` samples; edges are held."""
    low, high, weight = _neighbours(plane.shape[dim], size, factor, offset, plane.device)
    shape = [1] * plane.ndim
    shape[dim] = size
    between = weight.to(plane.dtype).reshape(shape)
    return torch.lerp(plane.index_select(dim, low), plane.index_select(dim, high), between)


@cache  # as those of `constants`: few for a size of pictures, and a GPU would be given as many small tasks for each
@torch.inference_mode(False)  # or they could be part of no training
def _neighbours(
    length: int, size: int, factor: int, offset: float, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Where `size` samples lie among `length`: those before and after each, and the share of the latter."""
    position = ((torch.arange(size) - offset) / factor).clamp(0, length - 1)
    low = position.floor().long()
    high = (low + 1).clamp_max(length - 1)
    return low.to(device), high.to(device), (position - low).to(device)


def _sited_offset(factor: int, offset: float) -> float:
    """Luma samples from the first luma to the first chroma sample, for any subsampling factor."""
    return offset * (factor - 1)


def chroma_factors(planes: Planes) -> tuple[int, int]:
    """Rows and columns of luma to one of chroma, of whole pictures; (1, 1) without chroma."""
    rows, columns = (_factor(planes[0].shape[d], planes[-1].shape[d]) for d in (-2, -1))
    return rows, columns


def _factor(luma: int, chroma: int) -> int:
    """The smallest that has so many samples of chroma; of tiny pictures several have."""
    return next(factor for factor in (1, 2, 4) if -(-luma // factor) == chroma)


def upsample_chroma(planes: Planes, location: ChromaLocation, factors: tuple[int, int] | None = None) -> Planes:
    """Brings Cb and Cr to the size of Y′, each sample from where it lies.

    Args:
        planes: analogue planes; chroma of 1, 1/2 or 1/4 the size of luma, in either direction,
            rounded up.
        location: where chroma lies in a subsampled direction.
        factors: see `chroma_factors`, of a picture of which these are some rows; None: as these say.

    Returns:
        Planes of one size.
    """
    if len(planes) == 1 or planes[1].shape == planes[0].shape:
        return planes
    luma, *chroma = planes
    height, width = luma.shape[-2:]
    rows, columns = factors or chroma_factors(planes)
    down, right = _OFFSETS[location]
    resized = []
    for plane in chroma:
        tall = _interpolate(plane, height, rows, _sited_offset(rows, down), dim=1) if rows > 1 else plane
        resized.append(
            _interpolate(tall, width, columns, _sited_offset(columns, right), dim=2) if columns > 1 else tall
        )
    return (luma, *resized)


def _halve_cosited(plane: Tensor, dim: int) -> Tensor:
    """Every other sample, filtered by [1 2 1] / 4; edges are held."""
    centre, after = _pairs(plane, dim)
    before = torch.cat((centre.narrow(dim, 0, 1), after.narrow(dim, 0, centre.shape[dim] - 1)), dim)
    return 0.5 * centre + 0.25 * (before + after)


def _halve_centred(plane: Tensor, dim: int) -> Tensor:
    """The mean of each pair of samples; an odd last one stands alone."""
    first, second = _pairs(plane, dim)
    return 0.5 * (first + second)


def _pairs(plane: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The first and the second sample of each pair along a dimension; an odd last one is its own second."""
    before = (slice(None),) * dim
    first, second = plane[(*before, slice(None, None, 2))], plane[(*before, slice(1, None, 2))]
    if plane.shape[dim] % 2:
        second = torch.cat((second, plane[(*before, slice(-1, None))]), dim)
    return first, second


def subsample_chroma(
    planes: Planes, location: ChromaLocation, sampling: ChromaSampling = ChromaSampling.HALF_BOTH
) -> Planes:
    """4:4:4 to what is delivered.

    Args:
        planes: analogue Y′, Cb, Cr of one size (N, H, W).
        location: LEFT, CENTER, TOP_LEFT or TOP, in the directions that are halved.
        sampling: wanted.

    Returns:
        Y′ unchanged; Cb and Cr of half the width and height, half the width, or the same size; rounded up.
    """
    if sampling is ChromaSampling.FULL:
        return planes
    down, right = _OFFSETS[location]
    if down == 1.0:
        raise ValueError(f"chroma at {location.value} is not written")
    luma, *chroma = planes
    if sampling is ChromaSampling.HALF_BOTH:
        vertical = _halve_cosited if down == 0.0 else _halve_centred
        chroma = [vertical(plane, 1) for plane in chroma]
    horizontal = _halve_cosited if right == 0.0 else _halve_centred
    return (luma, *(horizontal(plane, 2) for plane in chroma))

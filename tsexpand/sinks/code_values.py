"""Light as the code values of video."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ..colour.codes import ChromaSampling, Matrix
from ..colour.dither import dither_pattern
from ..colour.signal import SignalFormat
from ..colour.ycbcr import Planes, quantise, rgb_to_ycbcr, subsample_chroma
from ..cores import LITTLE_WORK, by_rows

_AROUND = 2
"""Rows above those of a strip: of the last of them its first row of chroma may be made too, and an even number leaves
rows of chroma where they are."""


def code_values(
    light: Tensor,
    encodings: Iterable[Callable[[Tensor], Tensor]],
    signal: SignalFormat,
    sampling: ChromaSampling = ChromaSampling.HALF_BOTH,
) -> Planes:
    """The one quantisation, dithered; on the CPU strip by strip, so that nothing but the codes is held.

    Args:
        light: (N, 3, H, W), float32.
        encodings: for each frame what makes R′G′B′ of some rows of it, (1, 3, h, W), elementwise.
        signal: the format; its matrix may be the identity.
        sampling: of chroma, where there is any.

    Returns:
        Planes (N, h, w), see `quantise`.
    """
    height, width = light.shape[-2:]
    has_chroma = signal.matrix is not Matrix.IDENTITY
    down = 2 if has_chroma and sampling is ChromaSampling.HALF_BOTH else 1
    across = 2 if has_chroma and sampling is not ChromaSampling.FULL else 1
    factors = (1, down, down)
    widths = (width, -(-width // across), -(-width // across))
    dtype = torch.uint8 if signal.bit_depth == 8 else torch.uint16
    codes = tuple(
        light.new_empty(len(light), -(-height // factor), columns, dtype=dtype)
        for factor, columns in zip(factors, widths, strict=True)
    )
    pattern = dither_pattern(height, width, light.device)

    for number, encode in zip(range(len(light)), encodings, strict=True):

        def code(rows: slice, number: int = number, encode: Callable[[Tensor], Tensor] = encode) -> None:
            encoded = encode(light[number : number + 1, :, max(rows.start - _AROUND, 0) : rows.stop])
            if has_chroma:
                planes = subsample_chroma(rgb_to_ycbcr(encoded, signal.matrix), signal.chroma_location, sampling)
            else:
                planes = encoded.unbind(dim=1)
            own = [slice(rows.start // factor, -(-rows.stop // factor)) for factor in factors]
            dithers = tuple(pattern[part, :columns] for part, columns in zip(own, widths, strict=True))
            planes = tuple(plane[:, part.start - part.stop :] for plane, part in zip(planes, own, strict=True))
            for result, part, plane in zip(codes, own, quantise(planes, signal, dithers), strict=True):
                result[number, part] = plane[0]

        by_rows(code, light, LITTLE_WORK)
    return codes

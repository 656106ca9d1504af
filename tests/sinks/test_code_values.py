from dataclasses import replace
from itertools import repeat

import pytest
import torch
from torch import Tensor

from tsexpand import cores
from tsexpand.colour.codes import ChromaLocation, ChromaSampling, Matrix, SignalRange
from tsexpand.colour.dither import dither_pattern
from tsexpand.colour.signal import HDR10, SDR8, SignalFormat
from tsexpand.colour.ycbcr import Planes, quantise, rgb_to_ycbcr, subsample_chroma
from tsexpand.sinks.code_values import code_values

RGB16 = replace(HDR10, bit_depth=16, signal_range=SignalRange.FULL, matrix=Matrix.IDENTITY)


def pictures(size: tuple[int, int], count: int = 2) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(7))


def of_the_whole(encoded: Tensor, signal: SignalFormat, sampling: ChromaSampling) -> Planes:
    """What `code_values` makes, of whole pictures at once."""
    if signal.matrix is Matrix.IDENTITY:
        planes = encoded.unbind(dim=1)
    else:
        planes = subsample_chroma(rgb_to_ycbcr(encoded, signal.matrix), signal.chroma_location, sampling)
    pattern = dither_pattern(*encoded.shape[-2:], encoded.device)
    return quantise(planes, signal, tuple(pattern[: plane.shape[-2], : plane.shape[-1]] for plane in planes))


@pytest.mark.parametrize("size", [(1, 1), (2, 37), (37, 1), (61, 45), (64, 48)])
@pytest.mark.parametrize("sampling", ChromaSampling)
@pytest.mark.parametrize(
    "signal", [HDR10, SDR8, RGB16, *(replace(HDR10, chroma_location=ChromaLocation[name]) for name in ("LEFT", "TOP"))]
)
def test_strips_do_not_show(
    size: tuple[int, int], sampling: ChromaSampling, signal: SignalFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 1)
    encoded = pictures(size)
    assert len(list(cores.strips(encoded, cores.LITTLE_WORK))) == -(-size[0] // 4)
    codes = code_values(encoded, repeat(lambda light: light, 2), signal, sampling)
    expected = of_the_whole(encoded, signal, sampling)
    assert all(torch.equal(ours, whole) for ours, whole in zip(codes, expected, strict=True))


def test_each_frame_is_encoded_its_way() -> None:
    whole = pictures((16, 24))
    codes = code_values(whole, iter([lambda light: light / 2, lambda light: light / 4]), HDR10)
    halved = of_the_whole(whole / torch.tensor([2, 4]).reshape(2, 1, 1, 1), HDR10, ChromaSampling.HALF_BOTH)
    assert all(torch.equal(ours, expected) for ours, expected in zip(codes, halved, strict=True))


def test_no_frame_gives_no_codes() -> None:
    codes = code_values(pictures((16, 24), 0), iter([]), HDR10)
    assert [tuple(plane.shape) for plane in codes] == [(0, 16, 24), (0, 8, 12), (0, 8, 12)]

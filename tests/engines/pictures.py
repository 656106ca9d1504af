"""Batches of code values for tests."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import torch
from torch import Tensor

from tsexpand.colour.codes import Matrix, Primaries, SignalRange, Transfer
from tsexpand.colour.signal import SignalFormat
from tsexpand.frames import SignalBatch, Timing

LIMITED, FULL = SignalRange.LIMITED, SignalRange.FULL


def signal_format(
    bit_depth: int = 8,
    signal_range: SignalRange = LIMITED,
    matrix: Matrix = Matrix.BT709,
    transfer: Transfer = Transfer.BT709,
) -> SignalFormat:
    return SignalFormat(bit_depth, signal_range, matrix, transfer, Primaries.BT709)


def batch_of(planes: tuple[Tensor, ...], signal: SignalFormat) -> SignalBatch:
    """Code values (N, h, w) of any integer type as a batch."""
    dtype = torch.uint8 if signal.bit_depth == 8 else torch.uint16
    timings = tuple(Timing(i, Fraction(1, 25)) for i in range(planes[0].shape[0]))
    return SignalBatch(tuple(p.to(dtype) for p in planes), signal, timings, packets=("packet",))


def flat(codes: tuple[int, ...], signal: SignalFormat, height: int = 6, width: int = 8) -> SignalBatch:
    """One picture of one colour; Y′CbCr is 4:2:0."""
    is_rgb = signal.matrix is Matrix.IDENTITY
    sizes = [(height, width) if is_rgb or i == 0 else (height // 2, width // 2) for i in range(len(codes))]
    return batch_of(tuple(torch.full((1, *s), c, dtype=torch.int32) for c, s in zip(codes, sizes, strict=True)), signal)


def noise(
    count: int, height: int, width: int, seed: int = 4, factors: tuple[int, int] | None = (2, 2), bits: int = 8
) -> SignalBatch:
    """Random pictures whose chroma has a sample for so many rows and columns of luma, 4:2:0; None: grey."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [(height, width)]
    if factors is not None:
        sizes += [(-(-height // factors[0]), -(-width // factors[1]))] * 2
    more = bits - 8
    planes = tuple(torch.randint(16 << more, 236 << more, (count, *size), generator=generator) for size in sizes)
    return batch_of(planes, signal_format(bits))


def frame_of(batch: SignalBatch, index: int) -> SignalBatch:
    """One frame of a batch, as a batch."""
    return SignalBatch(tuple(p[index : index + 1] for p in batch.planes), batch.signal, batch.timings[:1])


def numbered(count: int, height: int = 20, width: int = 24) -> Iterator[SignalBatch]:
    """Batches of one random picture each, numbered by their timings and packets."""
    pictures = noise(count, height, width)
    for i in range(count):
        yield replace(frame_of(pictures, i), timings=(pictures.timings[i],), packets=(i,))


def grey(values: Tensor) -> SignalBatch:
    """R′G′B′ pictures of 16 bit, (N, H, W) signal in [0, 1] in all three channels."""
    codes = (values * 65535).round().int()
    return batch_of((codes,) * 3, signal_format(16, FULL, Matrix.IDENTITY))

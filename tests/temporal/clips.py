"""Small clips of light, and ways to batch them."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from tsexpand.colour.codes import Primaries
from tsexpand.frames import LightBatch, Timing

SIZE = (24, 32)


def picture(seed: int, size: tuple[int, int] = SIZE) -> Tensor:
    """A smooth random picture: (3, H, W), signal from 0.05 to 0.95."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 6, generator=generator)
    return interpolate(coarse, size=size, mode="bicubic").clamp(0.05, 0.95)[0]


def thumbnail(signal: Tensor) -> Tensor:
    return interpolate(signal, size=(32, 32), mode="area")


def clip(signal: Tensor, light: Tensor | None = None, gains: Tensor | None = None) -> LightBatch:
    """One batch of the SDR signal (N, 3, H, W), shown on a BT.1886 display unless light is given."""
    return LightBatch(
        light=203 * signal**2.4 if light is None else light,
        primaries=Primaries.BT709,
        timings=tuple(Timing(i, Fraction(1, 25)) for i in range(len(signal))),
        thumbnails=thumbnail(signal),
        gains=gains,
        packets=(),
    )


def batched(whole: LightBatch, size: int) -> Iterator[LightBatch]:
    """The clip in batches of a size, the last one smaller; each brings a packet named by its first frame."""
    for i in range(0, len(whole), size):
        part = slice(i, i + size)
        yield LightBatch(
            light=whole.light[part],
            primaries=whole.primaries,
            timings=whole.timings[part],
            thumbnails=whole.thumbnails[part],
            gains=None if whole.gains is None else whole.gains[part],
            packets=(f"packet {i}",),
        )


def most_alive(stage: Callable[[Iterator[LightBatch]], Iterable[LightBatch]], size: int = 1) -> int:
    """How many of the batches that it was given a stage holds at once, of 60; of so many pictures each."""
    alive: list[weakref.ref[Tensor]] = []

    def source() -> Iterator[LightBatch]:
        for _ in range(60):
            light = torch.full((size, 3, *SIZE), 50.0)
            alive.append(weakref.ref(light))
            yield clip(torch.stack([picture(1)] * size), light=light)
            del light

    return max(sum(ref() is not None for ref in alive) for _ in stage(source()))


def light_of(batches: Iterable[LightBatch]) -> Tensor:
    return torch.cat([batch.light for batch in batches])

"""Temporal noise reduction: what compression and sensors add to each frame is averaged out along the motion.

Noise of this kind boils: it flickers even where the network adds none. A pixel is therefore averaged
with where it was in the two frames before and is in the two after, as far as they agree.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.luminance import luminance
from ..colour.transfer import PQ_PEAK, pq_eotf, pq_inverse_eotf
from ..cores import by_rows, filled, run
from ..errors import first_line
from ..frames import LightBatch
from ..replay import replayed
from .optical_flow import (
    Warp,
    box_mean,
    enlarged,
    inverse_flow,
    no_flow,
    optical_flow,
    places,
    sampled,
    warped,
)
from .shots import Frames, by_shot
from .windows import Neighbourhood, neighbourhoods

if TYPE_CHECKING:
    from .cpu_motion import CpuMotion

NOISE = 0.005
"""Root mean squared difference between neighbours, PQ signal, that may be noise: five codes of 10 bit, what x264 leaves
at usual qualities. What differs by much more is something else (other content, grain, a flash) and stays."""

_SHADOW = 0.1
"""PQ signal (0.03 cd/m²) below which less and less counts as noise, and in black nothing."""

_RADIUS = 1
"""Pixels around a pixel on which it is compared: few, so that what is small and moves by itself is seen to differ."""

REACH = 2
"""Frames on either side that are averaged, and the look-ahead. A third would take another half per cent of flicker."""


def denoise(batches: Iterable[LightBatch], motion: "CpuMotion | None" = None) -> Iterator[LightBatch]:
    """Averages each frame with its neighbours in the shot, along the motion, where they show the same.

    In PQ, so that what is averaged and what is compared is what is seen. A neighbour's weight is
    that of a Gaussian of the difference, 1 at most. What is static, or black, stays as it is; nothing
    crosses a cut; towards the ends of a shot there are fewer neighbours.

    Args:
        batches: light in cd/m².
        motion: code that does it on a CPU, instead of PyTorch's operations.

    Returns:
        The batches with other light.

    Raises:
        ValueError: the light is relative.
    """
    return by_shot(batches, partial(_denoise_shot, motion=motion))


def _denoise_shot(shot: Frames, motion: "CpuMotion | None") -> Frames:
    for here in neighbourhoods(map(_detached, shot), REACH, _Observer(motion)):
        yield _averaged(here, motion)


def _detached(frame: LightBatch) -> LightBatch:
    """The frame with memory of its own, so that it does not hold the batch that it came in."""
    if frame.gains is not None:
        raise ValueError("relative light can't be denoised: anchor it first")
    is_whole = frame.light.untyped_storage().nbytes() == frame.light.nbytes
    return frame if is_whole else replace(frame, light=frame.light.clone())


class Seen(NamedTuple):
    """A frame as it is compared.

    Attributes:
        signal: (1, 4, H, W), PQ of R, G and B less that of luminance, and that of luminance.
        arrival: (1, 2, ⌈H / 2⌉, ⌈W / 2⌉), flow to it from the frame before, see `optical_flow`; 0 for the first of a
            shot.
    """

    signal: Tensor
    arrival: Tensor


class _Observer:
    """Looks at the frames of a shot, one after the other."""

    def __init__(self, motion: "CpuMotion | None") -> None:
        self._motion = motion
        self._before: Tensor | None = None

    @torch.inference_mode()
    def __call__(self, frame: LightBatch) -> Seen:
        primaries = frame.primaries  # what is recorded keeps what it looks at, and is not to keep the frame
        motion = self._motion
        compiled = motion or _kernels(frame.light.device)
        flow_between = compiled.optical_flow if compiled else optical_flow

        def observed(light: Tensor, *before: Tensor) -> tuple[Tensor, ...]:
            signal = observe(light, primaries, motion)
            level = signal[:, 3:]
            return signal, flow_between(before[0] if before else level, level)

        before = () if self._before is None else (self._before,)
        signal, arrival = replayed(("observed", primaries), observed, frame.light, *before)
        self._before = signal[:, 3:]
        return Seen(signal, arrival)


def observe(light: Tensor, primaries: Primaries, motion: "CpuMotion | None" = None) -> Tensor:
    """The signal of a frame, see `Seen`.

    Args:
        light: (1, 3, H, W), cd/m².
        primaries: of the light.
        motion: code that does it, instead of PyTorch's operations.
    """
    if motion is not None:
        return motion.observe(light, primaries)

    def seen(light: Tensor) -> Tensor:
        signal = pq_inverse_eotf(torch.cat((light, luminance(light, primaries)), 1))
        signal[:, :3] -= signal[:, 3:]
        return signal

    return filled(light.new_empty(1, 4, *light.shape[-2:]), seen, light)


def denoising_notices(device: torch.device) -> tuple[str, ...]:
    """That denoising takes longer on a device than it should, and why."""
    return _on_gpu(device)[1]


def _kernels(device: torch.device) -> Any:
    """The module `gpu_motion` for NVIDIA GPUs where Triton works; None elsewhere, where PyTorch's operations do all."""
    return _on_gpu(device)[0]


@cache
def _on_gpu(device: torch.device) -> tuple[Any, tuple[str, ...]]:
    """See `_kernels` and `denoising_notices`; made once, when no work is being recorded yet."""
    if device.type != "cuda" or torch.version.hip is not None:
        return None, ()
    try:
        from . import gpu_motion

        # All kernels once, on addresses and sizes aligned as those of pictures, for which they are compiled apart.
        signal, flow = torch.zeros(1, 4, 16, 16, device=device), torch.zeros(1, 2, 8, 8, device=device)
        gpu_motion.shown(signal, [(signal, gpu_motion.warped(flow, flow))], NOISE, _SHADOW)
        gpu_motion.optical_flow(signal[:, :1], signal[:, :1]).cpu()  # errors of the device come while it is awaited
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # Triton is not there, or too old; errors of its own, of the C compiler that it needs
        why = first_line(str(error) or type(error).__name__)
        return None, (f"{device}: denoising takes about three times as long, as Triton does not work there: {why}",)
    return gpu_motion, ()


def _neighbours(near: list[Seen], position: int, warp: Warp) -> Iterator[tuple[Seen, Tensor]]:
    """The frames around a frame, each with the flow to it."""
    flow = torch.zeros_like(near[position].arrival)
    for later in near[position + 1 :]:
        flow = flow + warp(later.arrival, flow)
        yield later, flow
    flow = torch.zeros_like(flow)
    for earlier, next_one in reversed(list(pairwise(near[: position + 1]))):
        flow = next_one.arrival + warp(flow, next_one.arrival)
        yield earlier, inverse_flow(flow, warp)


def _sampled(seen: Seen, flow: Tensor, top: int) -> Tensor:
    """R, G and B along a flow, of rows from `top` on: brightness by bicubic, colour by bilinear interpolation.

    Bicubic interpolation keeps texture. Colour is coarse in SDR video, so that what bilinear interpolation blurs of
    it is mostly noise.
    """
    there = places(flow, seen.signal.shape[2], top)
    return sampled(seen.signal[:, :3], there) + sampled(seen.signal[:, 3:], there, "bicubic")


@torch.inference_mode()
def _averaged(here: Neighbourhood[Seen], motion: "CpuMotion | None") -> LightBatch:
    position = here.position  # not all of the neighbourhood, which a recording would keep

    def averaged(light: Tensor, *near: Tensor) -> tuple[Tensor, ...]:
        return (average(light, [Seen(*near[i : i + 2]) for i in range(0, len(near), 2)], position, motion),)

    near = [tensor for seen in here.near for tensor in seen]
    (light,) = replayed(("averaged", position), averaged, here.frame.light, *near)
    return replace(here.frame, light=light)


def average(own: Tensor, near: list[Seen], position: int, motion: "CpuMotion | None" = None) -> Tensor:
    """The light of the frame at a position among its neighbours, averaged with them.

    Args:
        own: its light, (1, 3, H, W), cd/m².
        near: it and its neighbours, in order.
        position: its among them.
        motion: code that does it on a CPU, instead of PyTorch's operations.
    """
    seen, kernels = near[position], _kernels(own.device)
    compiled = motion or kernels
    neighbours = list(_neighbours(near, position, compiled.warped if compiled else warped))
    others = [(neighbour.signal, flow) for neighbour, flow in neighbours]
    if motion is not None:
        return motion.average(own, seen.signal, others, NOISE, _SHADOW)
    if kernels:
        signal = seen.signal[:, :3] + seen.signal[:, 3:]
        return _light(own, signal, kernels.shown(seen.signal, others, NOISE, _SHADOW))

    def enlarge(number: int) -> None:
        neighbour, flow = neighbours[number]
        neighbours[number] = neighbour, enlarged(flow, seen.signal)

    run((partial(enlarge, number) for number in range(len(neighbours))), own.device)
    light = torch.empty_like(own)

    def average_rows(rows: slice) -> None:
        # With one row more on either side, which the box mean looks at.
        top, bottom = max(rows.start - _RADIUS, 0), min(rows.stop + _RADIUS, light.shape[2])
        inner = slice(rows.start - top, rows.stop - top)
        level = seen.signal[:, 3:, rows]
        signal = seen.signal[:, :3, rows] + level
        # As a neighbour that is the same would be seen, see `sampled`.
        still = _sampled(seen, no_flow(seen.signal[:, :, top:bottom]), top)
        noise = NOISE * (level / _SHADOW).clamp_max(1)
        change, total = torch.zeros_like(signal), torch.ones_like(level)
        for neighbour, flow in neighbours:
            difference = _sampled(neighbour, flow[:, :, top:bottom], top) - still
            square = box_mean(difference.square().mean(1, keepdim=True), _RADIUS)[:, :, inner]
            weight = (square / (-2 * noise**2 - 1e-12)).exp()
            change += difference[:, :, inner] * weight
            total += weight
        light[:, :, rows] = _light(own[:, :, rows], signal, signal + change / total)

    by_rows(average_rows, light)
    return light


def _light(own: Tensor, signal: Tensor, shown: Tensor) -> Tensor:
    """What is shown as light; a frame's own, to the last bit, where its signal is.

    What changes goes to PQ and back, which costs less than a half float's rounding.
    """
    stays = (shown == signal) | (own >= PQ_PEAK)
    return torch.where(stays, own, pq_eotf(shown.clamp(0, 1)))

"""Light as the code values that HDR video carries."""

from collections import deque
from itertools import repeat

import torch
from torch import Tensor

from ..codecs.nvenc import Pack
from ..colour.codes import ChromaSampling, Primaries, Transfer
from ..colour.hdr10 import ContentLight, ContentLightMeter, light_levels
from ..colour.luminance import luminance_weights
from ..colour.primaries import convert
from ..colour.signal import SignalFormat
from ..colour.transfer import PQ_PEAK, hlg_inverse_eotf, pq_inverse_eotf
from ..constants import constant
from ..cores import LITTLE_WORK, filled
from ..frames import LightBatch, SignalBatch, VideoInfo
from . import Fetch
from .code_values import code_values


def transparency_notices(info: VideoInfo) -> tuple[str, ...]:
    """That opacity is lost in code values, where there is any."""
    return ("transparency is not kept; EXR and ProRes 4444 keep it",) if info.has_alpha else ()


def hdr10_light(batch: LightBatch) -> Tensor:
    """Light as HDR10 carries it, before the one quantisation: BT.2020 RGB, cd/m², within PQ."""

    def carried(light: Tensor) -> Tensor:
        return convert(light, batch.primaries, Primaries.BT2020).clamp(0, PQ_PEAK)

    return filled(torch.empty_like(batch.light), carried, batch.light, times=LITTLE_WORK)


class VideoSignal:
    """Turns light into code values of BT.2020, and measures it on the way.

    Args:
        signal: HDR10 or HLG10, in any depth; or R′G′B′ likewise.
        sampling: of chroma.
    """

    def __init__(self, signal: SignalFormat, sampling: ChromaSampling = ChromaSampling.HALF_BOTH) -> None:
        self._signal = signal
        self._sampling = sampling
        self._meter = ContentLightMeter()
        self._under_way: deque[Tensor] = deque()  # levels of what is prepared and not yet written

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of what was written so far; none for HLG, which has no such metadata."""
        return self._meter.content_light if self._signal.transfer is Transfer.PQ else None

    def prepare(self, batch: LightBatch, fetch: Fetch, pack: Pack | None = None) -> SignalBatch:
        """Light to code values, the one quantisation, dithered; see `Sink.prepare`.

        Args:
            batch: the light.
            fetch: brings a tensor to the CPU.
            pack: makes one plane of the codes, which stays where it is, for an encoder there.
        """
        light = hdr10_light(batch)
        levels = light_levels(light)
        codes = code_values(light, repeat(self._encode, len(light)), self._signal, self._sampling)
        delivered = tuple(map(fetch, codes)) if pack is None else (pack(codes),)
        self._under_way.append(fetch(levels))  # last: once these have arrived, what was packed is whole too
        return SignalBatch(delivered, self._signal, batch.timings, batch.packets, batch.alpha)

    def written(self) -> None:
        """Counts the light of a batch, in the order of `prepare`: of those under way a run may keep none."""
        self._meter.add(self._under_way.popleft())

    def _encode(self, light: Tensor) -> Tensor:
        if self._signal.transfer is Transfer.PQ:
            return pq_inverse_eotf(light)
        return hlg_inverse_eotf(light, constant(light, luminance_weights, Primaries.BT2020))

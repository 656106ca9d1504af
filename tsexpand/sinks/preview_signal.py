"""Light as an SDR preview shows it."""

from functools import partial

from torch import Tensor

from ..colour.dither import dither_pattern
from ..colour.gamut import soft_bt709
from ..colour.hdr10 import ContentLight
from ..colour.sdr_tone import Curve, Tone, sdr_light
from ..colour.signal import SDR8
from ..colour.transfer import bt1886_inverse_eotf
from ..colour.ycbcr import quantise, rgb_to_ycbcr, subsample_chroma
from ..cores import filled
from ..frames import LightBatch, SignalBatch
from . import Fetch
from .preview_tone import curves_for


class PreviewSignal:
    """Turns light into 8-bit BT.709 Y′CbCr 4:2:0.

    Args:
        tone: the curve.
        peak: highest luminance of the light, cd/m².
        reference_white: light of SDR white, cd/m².
    """

    def __init__(self, tone: Tone, peak: float, reference_white: float) -> None:
        self._curves = curves_for(tone, peak, reference_white)

    @property
    def content_light(self) -> ContentLight | None:
        """None: SDR has no light levels."""
        return None

    def written(self) -> None:
        """Nothing is counted."""

    def prepare(self, batch: LightBatch, fetch: Fetch) -> SignalBatch:
        """Light to code values, the one quantisation, dithered; see `Sink.prepare`."""

        def encode(curve: Curve, light: Tensor) -> Tensor:
            return bt1886_inverse_eotf(sdr_light(soft_bt709(light.clamp_min(0), batch.primaries), curve))

        encoded = batch.light.new_empty(batch.light.shape)
        for frame, curve in enumerate(self._curves(batch)):
            one = slice(frame, frame + 1)
            filled(encoded[one], partial(encode, curve), batch.light[one])
        planes = subsample_chroma(rgb_to_ycbcr(encoded, SDR8.matrix), SDR8.chroma_location)
        dither = dither_pattern(encoded.shape[-2], encoded.shape[-1], encoded.device)
        codes = tuple(fetch(plane) for plane in quantise(planes, SDR8, dither))
        return SignalBatch(codes, SDR8, batch.timings, batch.packets)

"""Light as an SDR preview shows it."""

from functools import partial

from torch import Tensor

from ..colour.gamut import soft_bt709
from ..colour.hdr10 import ContentLight
from ..colour.sdr_tone import Curve, Tone, sdr_light
from ..colour.signal import SDR8
from ..colour.transfer import bt1886_inverse_eotf
from ..frames import LightBatch, SignalBatch
from . import Fetch
from .code_values import code_values
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

        codes = code_values(batch.light, (partial(encode, curve) for curve in self._curves(batch)), SDR8)
        return SignalBatch(tuple(map(fetch, codes)), SDR8, batch.timings, batch.packets)

"""Light as an SDR preview shows it."""

from torch import Tensor

from ..colour.dither import dither_pattern
from ..colour.gamut import soft_bt709
from ..colour.hdr10 import ContentLight
from ..colour.sdr_tone import Tone, sdr_light, tone_curve
from ..colour.signal import SDR8
from ..colour.transfer import bt1886_inverse_eotf
from ..colour.ycbcr import quantise, rgb_to_ycbcr, subsample_chroma
from ..cores import filled
from ..frames import LightBatch, SignalBatch
from . import Fetch


class PreviewSignal:
    """Turns light into 8-bit BT.709 Y′CbCr 4:2:0, by a curve that is the same for every frame.

    Args:
        tone: the curve.
        peak: highest luminance of the light, cd/m².
        reference_white: light of SDR white, cd/m².
    """

    def __init__(self, tone: Tone, peak: float, reference_white: float) -> None:
        self._curve = tone_curve(tone, peak, reference_white)

    @property
    def content_light(self) -> ContentLight | None:
        """None: SDR has no light levels."""
        return None

    def written(self) -> None:
        """Nothing is counted."""

    def prepare(self, batch: LightBatch, fetch: Fetch) -> SignalBatch:
        """Light to code values, the one quantisation, dithered; see `Sink.prepare`."""

        def encode(light: Tensor) -> Tensor:
            shown = sdr_light(soft_bt709(light.clamp_min(0), batch.primaries), self._curve)
            return bt1886_inverse_eotf(shown)

        encoded = filled(batch.light.new_empty(batch.light.shape), encode, batch.light)
        planes = subsample_chroma(rgb_to_ycbcr(encoded, SDR8.matrix), SDR8.chroma_location)
        dither = dither_pattern(encoded.shape[-2], encoded.shape[-1], encoded.device)
        codes = tuple(fetch(plane) for plane in quantise(planes, SDR8, dither))
        return SignalBatch(codes, SDR8, batch.timings, batch.packets)

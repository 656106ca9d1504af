"""Kinds of file for one picture: OpenEXR, Radiance, PNG, AVIF."""

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from .. import __version__
from ..codecs.avif import write_avif
from ..codecs.encoders import EncoderOptions
from ..codecs.exr import Compression, ExrPrimaries, aces_container, exr_attributes, write_exr
from ..codecs.hdr_png import write_hdr_png
from ..codecs.radiance import write_radiance
from ..colour.codes import Matrix, Primaries, SignalRange
from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.primaries import CHROMATICITIES, convert
from ..colour.signal import SignalFormat
from ..frames import LightBatch, SignalBatch, VideoInfo
from . import Fetch
from .exr import scene_light
from .video_signal import VideoSignal

_RADIANCE_CLIP = 0.005
"""Share of reference white by which a component may be below zero before it is told: rounding of matrices is not."""

_AVIF_CRF, _AVIF_PRESET = 8.0, "6"
"""Finer than video: of one picture size and time matter less."""


class PictureFormat(ABC):
    """A kind of file: what light becomes in it, and how it is written.

    Attributes:
        has_alpha: whether it keeps opacity.
        has_aspect: whether it says how wide a pixel is.
    """

    has_alpha = False
    has_aspect = True

    @property
    def notices(self) -> tuple[str, ...]:
        """What the format can't carry."""
        return ()

    @property
    def content_light(self) -> ContentLight | None:
        """Light levels of the picture; none where the format does not carry them."""
        return None

    @abstractmethod
    def prepare(self, batch: LightBatch, fetch: Fetch) -> Any:
        """Light of one upright picture to what is written, on the CPU."""

    @abstractmethod
    def write(self, path: Path, prepared: Any, info: VideoInfo) -> None:
        """Writes the file; raises `OutputError`.

        Args:
            path: under which it is written.
            prepared: what `prepare` gave.
            info: of the picture, upright.
        """


class ExrPicture(PictureFormat):
    """OpenEXR: half RGB and A, linear, 1.0 = reference white; colours outside of the primaries are negative.

    Args:
        compression: of the pixels.
        white: reference white, cd/m².
        primaries: of R, G, B.
    """

    has_alpha = True

    def __init__(self, compression: Compression, white: float, primaries: ExrPrimaries = ExrPrimaries.BT709) -> None:
        self._compression, self._white, self._primaries = compression, white, primaries

    def prepare(self, batch: LightBatch, fetch: Fetch) -> Tensor:
        """(3 or 4, H, W), half; see `scene_light`."""
        return fetch(scene_light(batch, self._primaries, self._white)[0])

    def write(self, path: Path, prepared: Tensor, info: VideoInfo) -> None:
        """See `PictureFormat.write`."""
        texts = {"software": f"tsexpand {__version__}", "tsexpand:source": info.name.encode(errors="replace").decode()}
        aspect, start = info.sample_aspect_ratio, 0 * info.time_base
        attributes = exr_attributes(None, aspect, self._white, start, texts, primaries=self._primaries)
        flag = aces_container(self._primaries, self._compression)
        write_exr(path, prepared, {**attributes, **flag}, self._compression)


class RadiancePicture(PictureFormat):
    """Radiance: linear BT.709, 1.0 = reference white; colours outside of BT.709 can't be said, and are clipped.

    Args:
        white: reference white, cd/m².
    """

    def __init__(self, white: float) -> None:
        self._white = white
        self._is_clipped = False

    @property
    def notices(self) -> tuple[str, ...]:
        """That colours were clipped."""
        told = "Colours outside of BT.709 were clipped, as Radiance pictures have no negative values; .exr keeps them."
        return (told,) if self._is_clipped else ()

    def prepare(self, batch: LightBatch, fetch: Fetch) -> Tensor:
        """(3, H, W), float32."""
        light = convert(batch.light, batch.primaries, Primaries.BT709)[0] / self._white
        self._is_clipped = bool(light.min() < -_RADIANCE_CLIP)
        return fetch(light.clamp_min(0))

    def write(self, path: Path, prepared: Tensor, info: VideoInfo) -> None:
        """See `PictureFormat.write`."""
        space = CHROMATICITIES[Primaries.BT709]
        numbers = (*space.red, *space.green, *space.blue, *space.white)
        header = {"SOFTWARE": f"tsexpand {__version__}", "PRIMARIES": " ".join(f"{number:g}" for number in numbers)}
        if info.sample_aspect_ratio != 1:
            header["PIXASPECT"] = f"{float(1 / info.sample_aspect_ratio):.6g}"
        write_radiance(path, prepared, header)


class _SignalPicture(PictureFormat):
    """A picture of code values, as video has them."""

    has_aspect = False  # in AVIF FFmpeg writes no `pasp`; and PNG's pHYs it takes for its reciprocal, unlike others

    def __init__(self, signal: SignalFormat, mastering: MasteringDisplay) -> None:
        self._signal = signal
        self._light = VideoSignal(signal)
        self._mastering = mastering

    @property
    def content_light(self) -> ContentLight | None:
        return self._light.content_light

    def prepare(self, batch: LightBatch, fetch: Fetch) -> SignalBatch:
        """See `VideoSignal.prepare`."""
        prepared = self._light.prepare(batch, fetch)
        self._light.written()  # it is the only one
        return prepared

    @property
    def _static(self) -> tuple[Any, ContentLight] | None:
        light = self.content_light
        return None if light is None else (self._mastering, light)


class PngPicture(_SignalPicture):
    """PNG: R′G′B′ of BT.2020, PQ or HLG, 16 bit.

    Args:
        signal: of video, whose transfer is taken.
        mastering: the display that it is for.
    """

    def __init__(self, signal: SignalFormat, mastering: MasteringDisplay) -> None:
        full = replace(signal, bit_depth=16, signal_range=SignalRange.FULL, matrix=Matrix.IDENTITY)
        super().__init__(full, mastering)

    def write(self, path: Path, prepared: SignalBatch, info: VideoInfo) -> None:
        """See `PictureFormat.write`."""
        write_hdr_png(path, [plane[0] for plane in prepared.planes], self._signal, self._static)


class AvifPicture(_SignalPicture):
    """AVIF: Y′CbCr 4:2:0 of BT.2020, PQ or HLG, 10 bit.

    Args:
        signal: of video.
        mastering: the display that it is for.
        options: of video encoders, of which an AV1 encoder's quality is taken.
    """

    def __init__(self, signal: SignalFormat, mastering: MasteringDisplay, options: EncoderOptions) -> None:
        super().__init__(signal, mastering)
        preset = options.preset if options.codec == "av1" else None
        self._options = EncoderOptions("av1", _AVIF_CRF if options.crf is None else options.crf, preset or _AVIF_PRESET)

    def write(self, path: Path, prepared: SignalBatch, info: VideoInfo) -> None:
        """See `PictureFormat.write`."""
        write_avif(path, [plane[0] for plane in prepared.planes], self._signal, self._static, info, self._options)

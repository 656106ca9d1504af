"""The encoders: what each takes and is asked for, and which containers hold what it makes."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from ..colour.codes import ChromaLocation, ChromaSampling
from ..colour.signal import SignalFormat
from ..errors import OutputError
from .passthrough import Container
from .static_metadata import Coding


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """How to encode.

    Attributes:
        codec: one of `LIBRARIES`: "hevc" (libx265), "av1" (libsvtav1), "hevc_nvenc" or "av1_nvenc" (NVIDIA GPUs
            with an encoder), "prores" (422 HQ), "prores_4444", "dnxhr" (HQX), "ffv1"; "h264" (libx264) for SDR.
        crf: constant quality, lower is better; where None 14 for HEVC, 18 for H.264, 20 for AV1: close to
            transparent. None for the others, whose profile is their quality.
        preset: speed, in the encoder's own words; where None "faster", 8, and "p5" for NVENC. None for the others.
        device: the GPU that has the pictures, for an encoder that can take them from there; None for the CPU.
    """

    codec: str = "hevc"
    crf: float | None = None
    preset: str | None = None
    device: torch.device | None = None

    @property
    def crf_and_preset(self) -> tuple[float | None, str | None]:
        """Those given, else the codec's own, None where it has none; raises `OutputError` where it is unknown."""
        quality = library_of(self.codec).quality
        if quality is None:
            return None, None
        return quality.crf if self.crf is None else self.crf, self.preset or quality.preset


@dataclass(frozen=True, slots=True)
class Quality:
    """What an encoder that has a choice of quality and speed takes, and its defaults."""

    crf: float
    preset: str
    crf_option: str = "crf"


@dataclass(frozen=True, slots=True)
class Library:
    """An encoder of FFmpeg's and what we ask of it.

    Attributes:
        name: FFmpeg's.
        coding: of what it makes.
        quality: that may be chosen; None where every picture stands alone, and the profile is the quality.
        sampling: of chroma.
        bit_depth: of code values.
        has_alpha: whether it takes opacity beside them.
        interleaved: the pixel format that it takes where that is not planar.
        options: that it always gets.
        pq_options: likewise, for PQ.
        containers: that hold it with all that is said of its colour.
        profile: what the muxer must be told to give it the right name.
        advice: what to try where it can't be opened.
    """

    name: str
    coding: Coding
    quality: Quality | None = None
    sampling: ChromaSampling = ChromaSampling.HALF_BOTH
    bit_depth: int = 10
    has_alpha: bool = False
    interleaved: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    pq_options: dict[str, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = tuple(Container.suffixes().values())
    profile: str | None = None
    advice: str = "see the encoder's documentation for its presets and range of crf"

    def planar(self, with_alpha: bool) -> str:
        """FFmpeg's name of the planar pixel format of its code values, of pictures with opacity or without."""
        family = "yuva" if with_alpha and self.has_alpha else "yuv"
        name = family + self.sampling.value.replace(":", "") + "p"
        return name if self.bit_depth == 8 else f"{name}{self.bit_depth}le"

    def delivered(self, signal: SignalFormat) -> SignalFormat:
        """HDR10, HLG10 or SDR8 in its depth; chroma that has the height of luma lies left, as it ever did in 4:2:2."""
        is_halved = self.sampling is ChromaSampling.HALF_BOTH
        location = signal.chroma_location if is_halved else ChromaLocation.LEFT
        return replace(signal, bit_depth=self.bit_depth, chroma_location=location)

    def coded_size(self, width: int, height: int) -> tuple[int, int]:
        """Of pictures: whole chroma samples, but for AV1 on the CPU, which takes any size."""
        # swscale makes no right p010 of odd sizes, which NVENC takes.
        halves = self.interleaved is not None or self.coding is not Coding.AV1
        across = 2 if halves and self.sampling is not ChromaSampling.FULL else 1
        down = 2 if halves and self.sampling is ChromaSampling.HALF_BOTH else 1
        return -(-width // across) * across, -(-height // down) * down


_ISO_AND_MKV = (Container.MP4, Container.MKV)
_NO_NVENC = "it needs an NVIDIA GPU with a video encoder and its driver; try hevc or av1"
_NVENC = {"tune": "hq", "rc": "vbr"}
_X265 = "log-level=none:info=0:repeat-headers=0:open-gop=0:sao=0"
"""Without SAO, which takes a tenth of x265's time and more, and smooths texture: at such rates a loss."""

_FFV1 = {"level": "3", "coder": "range_tab", "context": "1", "slicecrc": "1"}

LIBRARIES = {
    "hevc": Library(
        "libx265",
        Coding.HEVC,
        Quality(14, "faster"),
        options={"x265-params": _X265},
        pq_options={"x265-params": _X265 + ":hdr10-opt=1"},
    ),
    "av1": Library("libsvtav1", Coding.AV1, Quality(20, "8"), containers=_ISO_AND_MKV),
    "hevc_nvenc": Library(
        "hevc_nvenc", Coding.HEVC, Quality(18, "p5", "cq"), interleaved="p010le", options=_NVENC, advice=_NO_NVENC
    ),
    "av1_nvenc": Library(
        "av1_nvenc",
        Coding.AV1,
        Quality(22, "p5", "cq"),
        interleaved="p010le",
        options=_NVENC,
        containers=_ISO_AND_MKV,
        advice=_NO_NVENC,
    ),
    "prores": Library(
        "prores_ks",
        Coding.PRORES,
        sampling=ChromaSampling.HALF_WIDTH,
        options={"profile": "hq"},
        containers=(Container.MOV, Container.MKV),
        advice="try hevc",
    ),
    "prores_4444": Library(
        "prores_ks",
        Coding.PRORES,
        sampling=ChromaSampling.FULL,
        has_alpha=True,
        options={"profile": "4444"},
        containers=(Container.MOV, Container.MKV),
        advice="try hevc",
    ),
    "dnxhr": Library(
        "dnxhd",
        Coding.DNXHR,
        sampling=ChromaSampling.HALF_WIDTH,
        options={"profile": "dnxhr_hqx"},
        containers=(Container.MOV,),
        profile="DNXHR HQX",
        advice="it takes pictures from 256×120 on; try prores",
    ),
    "ffv1": Library(
        "ffv1",
        Coding.FFV1,
        sampling=ChromaSampling.FULL,
        bit_depth=12,
        options=_FFV1,
        containers=(Container.MKV,),
        advice="try prores_4444",
    ),
}
"""By our names of codecs. Lossless FFV1 is an archive's: 4:4:4, so that nothing is taken away that a later delivery may
want, and 12 bit, in which the steps of PQ are below what the eye can see (Rec. ITU-R BT.2390, Barten's limit)."""


SDR_LIBRARIES = {"h264": Library("libx264", Coding.H264, Quality(18, "medium"), bit_depth=8)}
"""Of 8-bit SDR, for previews."""


def library_of(codec: str) -> Library:
    """The encoder; raises OutputError where there is none of that name."""
    libraries = LIBRARIES | SDR_LIBRARIES
    if codec not in libraries:
        raise OutputError(f"encoder {codec} is unknown; choose one of {', '.join(libraries)}")
    return libraries[codec]


def refuse_mismatch(output: Path, container: Container, options: EncoderOptions) -> None:
    """Refuses what does not go together, before any work.

    Raises:
        OutputError: the container can't hold the codec, or the codec has no choice of quality, and one was made.
    """
    library = library_of(options.codec)
    if container not in library.containers:
        ours = " or ".join(f".{c.name.lower()}" for c in library.containers)
        others = ", ".join(name for name, other in LIBRARIES.items() if container in other.containers)
        raise OutputError(f"{output}: {container.name} does not hold {options.codec}; use {ours}, or one of {others}")
    if library.quality is None and (options.crf is not None or options.preset is not None):
        raise OutputError(f"{output}: {options.codec} has neither crf nor preset to choose; leave them out")

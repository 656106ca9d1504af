"""What crosses the pipeline: batches of signal, batches of light, and what is known of a clip.

Two types of batch, and the type says on which side of the transfer function it is, so that no
transfer function can be applied twice.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from torch import Tensor

from .colour.codes import Primaries
from .colour.signal import Guess, SignalFormat


@dataclass(frozen=True, slots=True)
class Timing:
    """When a frame is shown: exact, in units of its stream's time base.

    Attributes:
        pts: presentation time stamp.
        time_base: seconds per unit.
        duration: in units, 0 where unknown.
    """

    pts: int
    time_base: Fraction
    duration: int = 0

    @property
    def seconds(self) -> Fraction:
        """The presentation time."""
        return self.pts * self.time_base


def clock(seconds: Fraction | float) -> str:
    """A time as people read it: 00:01:02.500."""
    milliseconds = round(seconds * 1000)
    sign = "-" if milliseconds < 0 else ""
    minutes, rest = divmod(abs(milliseconds), 60_000)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


Packets = tuple[object, ...]
"""Packets of audio and subtitles that the demuxer met, for the muxer; nothing between looks inside."""


def _check_alpha(alpha: Tensor | None, count: int) -> None:
    if alpha is not None and (alpha.ndim != 3 or alpha.shape[0] != count):
        raise ValueError(f"alpha {tuple(alpha.shape)} does not fit {count} timings")


@dataclass(frozen=True, slots=True)
class SignalBatch:
    """Decoded pictures as code values.

    Attributes:
        planes: (Y′, Cb, Cr), (R′, G′, B′) or (Y′,): each (N, h, w), uint8 or uint16; chroma may be
            smaller than luma. On the way to an encoder on a GPU one, that holds all of them as it wants it.
        signal: what the codes mean.
        timings: one a picture.
        packets: met before or among these pictures.
        alpha: opacity, (N, H, W) float32 in [0, 1] on the CPU, where the pictures have it; the codes are not
            multiplied by it.
    """

    planes: tuple[Tensor, ...]
    signal: SignalFormat
    timings: tuple[Timing, ...]
    packets: Packets = ()
    alpha: Tensor | None = None

    def __post_init__(self) -> None:
        _check_alpha(self.alpha, len(self.timings))
        if len(self.planes) not in (1, 3):
            raise ValueError(f"{len(self.planes)} planes are neither grey nor colour")
        if any(p.ndim != 3 or p.shape[0] != len(self.timings) for p in self.planes):
            raise ValueError(f"planes {[tuple(p.shape) for p in self.planes]} do not fit {len(self.timings)} timings")

    def __len__(self) -> int:
        return len(self.timings)


@dataclass(frozen=True, slots=True)
class LightBatch:
    """Pictures as linear light.

    Attributes:
        light: (N, 3, H, W), float32, cd/m² (relative before exposure anchoring, where `gains` is set).
        primaries: of R, G, B.
        timings: one a picture.
        thumbnails: (N, 3, 32, 32), float32, the SDR signal R′G′B′, area-averaged, on the CPU: what cuts
            are found on.
        gains: (N, 2) or None. For relative light: log2 of the gain to the analytic light in cd/m²
            (median over well exposed pixels), and the fraction of pixels it was found on (0: none).
        packets: carried from the signal.
        alpha: likewise; the light is not multiplied by it.
    """

    light: Tensor
    primaries: Primaries
    timings: tuple[Timing, ...]
    thumbnails: Tensor
    gains: Tensor | None = None
    packets: Packets = ()
    alpha: Tensor | None = None

    def __post_init__(self) -> None:
        count = len(self.timings)
        _check_alpha(self.alpha, count)
        if self.light.ndim != 4 or self.light.shape[:2] != (count, 3):
            raise ValueError(f"light {tuple(self.light.shape)} does not fit {count} timings")
        if self.thumbnails.shape[:2] != (count, 3):
            raise ValueError(f"thumbnails {tuple(self.thumbnails.shape)} do not fit {count} timings")
        if self.gains is not None and self.gains.shape != (count, 2):
            raise ValueError(f"gains {tuple(self.gains.shape)} do not fit {count} timings")

    def __len__(self) -> int:
        return len(self.timings)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a clip before its pictures are decoded.

    Attributes:
        name: of the input, as the user gave it.
        container: FFmpeg's name of the format.
        codec: FFmpeg's name of the codec.
        pixel_format: FFmpeg's name.
        width: of the coded picture.
        height: of the coded picture.
        signal: what the codes mean, complete.
        time_base: of the pts.
        sample_aspect_ratio: width to height of a pixel; 1 where not stated.
        frame_rate: nominal, else average; absent where unknown.
        frame_count_from_header: absent where unknown; a hint, not a promise.
        duration_from_header: seconds, absent where unknown.
        time_code: of the first picture, such as "10:00:00:00" or "01:00:00;02"; absent where not stated.
        display_matrix: nine 16.16 integers of rotation and mirroring, absent where upright.
        has_alpha: whether the pictures have opacity too.
        guesses: colour fields that the stream leaves open.
        notices: what a user should know, a sentence each.
        is_still: whether it is a picture on its own, that has no time.
        first_number: of the first wanted picture where it is written as a sequence: that of its file, if it has one.
    """

    name: str
    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    signal: SignalFormat
    time_base: Fraction
    sample_aspect_ratio: Fraction = Fraction(1)
    frame_rate: Fraction | None = None
    frame_count_from_header: int | None = None
    duration_from_header: Fraction | None = None
    time_code: str | None = None
    display_matrix: tuple[int, ...] | None = None
    has_alpha: bool = False
    guesses: tuple[Guess, ...] = ()
    notices: tuple[str, ...] = field(default=())
    is_still: bool = False
    first_number: int = 1

    def facts(self) -> dict[str, object]:
        """All of it in JSON's types; fractions as exact strings, like 30000/1001."""
        signal = self.signal
        return {
            "input": self.name,
            "container": self.container,
            "codec": self.codec,
            "pixel_format": self.pixel_format,
            "width": self.width,
            "height": self.height,
            "sample_aspect_ratio": str(self.sample_aspect_ratio),
            "frame_rate": str(self.frame_rate) if self.frame_rate else None,
            "frame_count_from_header": self.frame_count_from_header,
            "duration_from_header": None if self.duration_from_header is None else float(self.duration_from_header),
            "bit_depth": signal.bit_depth,
            "range": signal.signal_range.value,
            "matrix": signal.matrix.name,
            "transfer": signal.transfer.name,
            "primaries": signal.primaries.name,
            "chroma_location": signal.chroma_location.value,
            "assumed": [str(guess) for guess in self.guesses],
            "notices": list(self.notices),
        }

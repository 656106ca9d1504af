"""One picture file to code values, and what they mean."""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import cast

import av
from av.video.reformatter import Interpolation
from torch import Tensor

from ...colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from ...colour.profile import Profile, converted
from ...colour.signal import Guess, SignalFormat, unsupported
from ...colour.ycbcr import Planes
from ...errors import InputError
from ...frames import VideoInfo
from ..description import SignalOverrides, readable_layout
from ..opening import MAX_PIXELS, reason
from ..pixels import opacity_of, planes_from_frames
from .facts import CodePoints, Opacity, Refused, StillFacts
from .icc import ProfileError, read_icc
from .kinds import kind_of
from .opacity import LOST, is_opaque, stated_opacity, straight

MAX_BYTES = (1 << 31) - 65
"""Largest file: what FFmpeg takes as one packet."""

_ONE = 1 << 16
_LAST = 1 << 30

# x' = a·x + c·y, y' = b·x + d·y of each EXIF orientation, as (a, b, c, d): what turns the stored picture upright.
_TURNS = {
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}

_UNTAGGED = "untagged picture"


@dataclass(frozen=True, slots=True)
class Still:
    """A decoded picture.

    Attributes:
        planes: code values, (1, h, w) each, see `SignalBatch`.
        info: what it is; its time base and frame rate are for the reader of a sequence to set. It has opacity
            where not all is opaque.
        alpha: opacity, (1, H, W), see `SignalBatch`; of opaque pictures, too, where their kind states it.
    """

    planes: Planes
    info: VideoInfo
    alpha: Tensor | None = None


def read_still(name: str, overrides: SignalOverrides, fit: VideoInfo | None = None) -> Still:
    """Decodes a picture file.

    Args:
        name: of the file.
        overrides: what the user says of its colour instead of the file.
        fit: a picture whose size and pixel format it is brought to; None leaves it as it is.

    Raises:
        InputError: it can't be read, is not whole, is HDR already, or of a colour that is not supported.
    """
    try:
        data = _contents(Path(name))
        kind = kind_of(data)
        if kind is None:
            raise Refused("not a picture of a kind that is read (PNG, JPEG, TIFF, WebP, BMP)")
        facts = kind.read(data)
        decoded = _decoded(kind.codec, kind.drawn(data))
        frame = _fitted(decoded, fit)
        if frame is not decoded and opacity_of(frame) is None and not is_opaque(opacity_of(decoded)):
            facts = replace(facts, notices=(*facts.notices, LOST))
        return _described(name, kind.codec, frame, facts, overrides)
    except Refused as error:
        raise InputError(f"{name}: {error}") from None
    except OSError as error:
        raise InputError(f"{name}: can't be read ({error.strerror or error})") from None


def _contents(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise Refused(f"larger than {MAX_BYTES} bytes")
    return path.read_bytes()


def _decoded(codec: str, data: bytes) -> av.VideoFrame:
    context = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))
    context.options = {"max_pixels": str(MAX_PIXELS)}
    if codec != "tiff":  # which takes offence at tags; its blocks were looked for by `read_tiff`
        context.options |= {"err_detect": "crccheck+bitstream+buffer+explode"}
    context.thread_count = 1
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.error.FFmpegError, ValueError) as error:
        raise Refused(f"undecodable ({reason(error)}); it is damaged, or of a kind that is not read") from None
    if not frames or frames[0].is_corrupt:
        raise Refused("undecodable; it is damaged")
    return frames[0]


def _fitted(frame: av.VideoFrame, fit: VideoInfo | None) -> av.VideoFrame:
    if fit is None or (frame.width, frame.height, frame.format.name) == (fit.width, fit.height, fit.pixel_format):
        return frame
    # Nothing is scaled to a palette; the codes of its colours are those of R′G′B′.
    format = ("rgba" if fit.has_alpha else "rgb24") if fit.pixel_format == "pal8" else fit.pixel_format
    return frame.reformat(fit.width, fit.height, format, interpolation=Interpolation.BICUBIC)


def _described(name: str, codec: str, frame: av.VideoFrame, facts: StillFacts, overrides: SignalOverrides) -> Still:
    stated, notices = _colour(facts, overrides)
    signal, guesses = _signal(name, frame, stated, facts.is_limited, overrides)
    if (why := unsupported(signal, overrides.hdr)) is not None:
        raise InputError(f"{name}: {why}")
    planes = planes_from_frames([frame])
    alpha, lost = stated_opacity(frame, facts.opacity)
    if alpha is not None and facts.opacity is Opacity.MULTIPLIED:
        planes = straight(planes, alpha, signal.bit_depth)
    if isinstance(stated, Profile):
        planes, signal, clipped = converted(planes, signal, stated)
        notices = (*notices, *_conversion(stated, signal, clipped))
    info = VideoInfo(
        name=name,
        container="image2",
        codec=codec,
        pixel_format=frame.format.name,
        width=frame.width,
        height=frame.height,
        signal=signal,
        time_base=Fraction(1),
        sample_aspect_ratio=facts.pixel_aspect,
        frame_count_from_header=1,
        display_matrix=_display_matrix(facts.orientation),
        has_alpha=not is_opaque(alpha),
        guesses=guesses,
        notices=(*facts.notices, *notices, *lost),
    )
    return Still(planes, info, alpha)


def _colour(facts: StillFacts, overrides: SignalOverrides) -> tuple[CodePoints | Profile | None, tuple[str, ...]]:
    """What the file says of transfer and primaries: code points where there are such; and notices."""
    if overrides.transfer is not None or overrides.primaries is not None:
        points = facts.colour if facts.icc is None and not isinstance(facts.colour, Profile) else None
        ignored = ("Its colour profile is disregarded, as asked for.",) if facts.icc is not None else ()
        return points, ignored
    return (_pointed(facts.colour) if facts.icc is None else _profiled(facts.icc)), ()


@lru_cache(maxsize=4)
def _profiled(icc: bytes) -> CodePoints | Profile | None:
    """What an ICC profile says; kept, as all the pictures of a sequence have the same one."""
    try:
        return _pointed(read_icc(icc))
    except ProfileError as error:
        advice = "convert it to sRGB or Display P3, or say what it is by --input-transfer and --input-primaries"
        raise Refused(f"its colour profile can't be honoured: {error}; {advice}") from None


def _pointed(colour: CodePoints | Profile | None) -> CodePoints | Profile | None:
    """Code points, where there are such."""
    return colour.code_points() or colour if isinstance(colour, Profile) else colour


def _signal(
    name: str,
    frame: av.VideoFrame,
    stated: CodePoints | Profile | None,
    is_limited: bool,
    overrides: SignalOverrides,
) -> tuple[SignalFormat, tuple[Guess, ...]]:
    """What the codes mean; of a profile all but transfer and primaries, for which sRGB stands in."""
    layout = readable_layout(name, frame)
    primaries, transfer = stated if isinstance(stated, tuple) else (Primaries.BT709, Transfer.SRGB)
    guesses = []
    if stated is None and overrides.transfer is None:
        guesses.append(Guess("transfer", "sRGB", _UNTAGGED))
    if stated is None and overrides.primaries is None:
        guesses.append(Guess("primaries", "BT.709", _UNTAGGED))
    is_limited = is_limited and layout.components == "yuv"
    signal = SignalFormat(
        bit_depth=layout.bit_depth,
        signal_range=overrides.signal_range or (SignalRange.LIMITED if is_limited else SignalRange.FULL),
        matrix=(overrides.matrix or Matrix.BT470BG) if layout.components == "yuv" else Matrix.IDENTITY,
        transfer=overrides.transfer or transfer,
        primaries=overrides.primaries or primaries,
        chroma_location=overrides.chroma_location or ChromaLocation.CENTER,
    )
    return signal, tuple(guesses)


def _conversion(profile: Profile, signal: SignalFormat, clipped: float) -> tuple[str, ...]:
    """What became of a picture whose colour has no code points."""
    name = profile.name or "without a name"
    told = (
        f"Its colour profile ({name}) has no code points: converted to {signal.primaries.name}, 16 bit;"
        " --input-transfer (such as bt1886) and --input-primaries disregard it."
    )
    if not clipped:
        return (told,)
    return (told, f"{clipped:.2%} of its pixels have colours beyond {signal.primaries.name}: they were clipped to it.")


def _display_matrix(orientation: int) -> tuple[int, ...] | None:
    """The display matrix of an EXIF orientation; None where upright."""
    if orientation not in _TURNS:
        return None
    a, b, c, d = (_ONE * part for part in _TURNS[orientation])
    return (a, b, 0, c, d, 0, 0, 0, _LAST)

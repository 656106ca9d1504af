"""What the samples of a picture mean: the colour description of a stream, complete."""

from dataclasses import dataclass, replace

from .codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer
from .primaries import CHROMATICITIES
from .transfer import SDR_EOTF

HDR_TRANSFERS = frozenset({Transfer.PQ, Transfer.HLG})


@dataclass(frozen=True, slots=True)
class SignalFormat:
    """How code values stand for colour.

    Attributes:
        bit_depth: 8 to 16.
        signal_range: limited or full.
        matrix: IDENTITY for R′G′B′ planes.
        transfer: of the display for which the signal is meant.
        primaries: of R, G, B.
        chroma_location: where subsampled chroma lies; of no effect at 4:4:4.
    """

    bit_depth: int
    signal_range: SignalRange
    matrix: Matrix
    transfer: Transfer
    primaries: Primaries
    chroma_location: ChromaLocation = ChromaLocation.LEFT

    def __post_init__(self) -> None:
        if not 8 <= self.bit_depth <= 16:
            raise ValueError(f"bit depth {self.bit_depth} is not between 8 and 16")


HDR10 = SignalFormat(
    bit_depth=10,
    signal_range=SignalRange.LIMITED,
    matrix=Matrix.BT2020_NCL,
    transfer=Transfer.PQ,
    primaries=Primaries.BT2020,
    chroma_location=ChromaLocation.TOP_LEFT,
)
"""BT.2100 PQ as HDR10 carries it; chroma top-left is what UHD Blu-ray and HDR10 players expect."""

HLG10 = replace(HDR10, transfer=Transfer.HLG)
"""BT.2100 HLG in 10 bit."""

SDR8 = SignalFormat(
    bit_depth=8,
    signal_range=SignalRange.LIMITED,
    matrix=Matrix.BT709,
    transfer=Transfer.BT709,
    primaries=Primaries.BT709,
    chroma_location=ChromaLocation.LEFT,
)
"""BT.709 in 8 bit, what every player shows; its display is BT.1886."""

HD_LINES = 720
"""From this height on untagged video is taken for BT.709, below for BT.601."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A colour field that the stream leaves open, what was assumed, and why."""

    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field} {self.value} ({self.reason})"


def fill_unspecified(
    stated: SignalFormat, height: int, is_rgb: bool, range_stated: bool
) -> tuple[SignalFormat, tuple[Guess, ...]]:
    """Replaces what a stream leaves unspecified by what is most often right, and says so.

    Args:
        stated: what the stream says, with UNSPECIFIED where it says nothing.
        height: of the picture, in lines.
        is_rgb: whether the planes are R′G′B′.
        range_stated: whether the stream says its signal range; if not, `stated` holds the guess.

    Returns:
        The completed format, and each guess with its reason.
    """
    guesses = []
    changes: dict[str, object] = {}
    if not range_stated:
        guesses.append(Guess("range", stated.signal_range.value, "untagged " + ("RGB" if is_rgb else "Y′CbCr")))
    if stated.matrix is Matrix.UNSPECIFIED:
        hd = height >= HD_LINES
        changes["matrix"] = Matrix.BT709 if hd else Matrix.SMPTE170M
        sign = "≥" if hd else "<"
        guesses.append(Guess("matrix", "BT.709" if hd else "BT.601", f"untagged, {height} {sign} {HD_LINES} lines"))
    if stated.transfer is Transfer.UNSPECIFIED:
        changes["transfer"] = Transfer.SRGB if is_rgb else Transfer.BT709
        guesses.append(Guess("transfer", "sRGB" if is_rgb else "BT.1886", "untagged " + ("RGB" if is_rgb else "video")))
    if stated.primaries is Primaries.UNSPECIFIED:
        wide = stated.matrix is Matrix.BT2020_NCL
        changes["primaries"] = Primaries.BT2020 if wide else Primaries.BT709
        reason = "untagged, with the matrix of BT.2020" if wide else "untagged"
        guesses.append(Guess("primaries", "BT.2020" if wide else "BT.709", reason))
    return replace(stated, **changes), tuple(guesses)  # type: ignore[arg-type]


def already_hdr(transfer: int) -> str | None:
    """Why a transfer code is not of SDR, or None where it does not say HDR."""
    return f"already HDR ({Transfer(transfer).name})" if transfer in HDR_TRANSFERS else None


def unsupported(signal: SignalFormat, hdr: bool = False) -> str | None:
    """Why the signal can't be shown, or None where it can; PQ and HLG can only if `hdr` says so."""
    if not hdr and (why := already_hdr(signal.transfer)) is not None:
        return why
    if signal.transfer not in SDR_EOTF and signal.transfer not in HDR_TRANSFERS:
        return f"transfer {signal.transfer.name} is not an SDR display signal"
    if signal.matrix in (Matrix.YCGCO, Matrix.BT2020_CL, Matrix.ICTCP):
        return f"matrix {signal.matrix.name} is not supported"
    if signal.primaries not in CHROMATICITIES:
        return f"primaries {signal.primaries.name} are not supported"
    return None

"""What the command line says of the input."""

from typing import TYPE_CHECKING, Any

from .pipes import input_format

if TYPE_CHECKING:
    from ..codecs.description import SignalOverrides
    from ..codecs.source_options import SourceOptions

SOURCE_OPTIONS = (
    "frame_rate",
    "stream",
    "format",
    "size",
    "pixel_format",
    "deinterlace",
    "on_corrupt",
    "on_change",
    "input_matrix",
    "input_range",
    "input_transfer",
    "input_primaries",
    "input_chroma",
)
"""Options of `convert` that say what the pictures of the input are; other commands that read one take the same."""


def source_options(values: dict[str, Any]) -> "SourceOptions":
    """Which pictures of the input the command line means, and how they are read."""
    from ..codecs.deinterlacing import Deinterlacing
    from ..codecs.source_options import SourceOptions

    return SourceOptions(
        start=values["start"],
        frames=values["frames"],
        frame_rate=values["frame_rate"],
        stream=values["stream"],
        overrides=_overrides(values),
        deinterlacing=Deinterlacing(values["deinterlace"]),
        repeats=values["on_corrupt"] == "repeat",
        scales=values["on_change"] == "scale",
        format=input_format(values),
    )


def _overrides(values: dict[str, Any]) -> "SignalOverrides":
    """What the command line says about the input's colour."""
    from ..codecs.description import SignalOverrides
    from ..colour.codes import ChromaLocation, Matrix, Primaries, SignalRange, Transfer

    matrices = {"bt601": Matrix.SMPTE170M, "bt709": Matrix.BT709, "bt2020": Matrix.BT2020_NCL}
    transfers = {
        "bt1886": Transfer.BT709,
        "srgb": Transfer.SRGB,
        "gamma22": Transfer.GAMMA22,
        "gamma28": Transfer.GAMMA28,
    }
    primaries = {
        "bt601-525": Primaries.SMPTE170M,
        "bt601-625": Primaries.BT470BG,
        "bt709": Primaries.BT709,
        "bt2020": Primaries.BT2020,
    }
    signal_range, chroma = values["input_range"], values["input_chroma"]
    return SignalOverrides(
        matrix=matrices.get(values["input_matrix"]),
        signal_range=SignalRange(signal_range) if signal_range else None,
        transfer=transfers.get(values["input_transfer"]),
        primaries=primaries.get(values["input_primaries"]),
        chroma_location=ChromaLocation(chroma) if chroma else None,
    )

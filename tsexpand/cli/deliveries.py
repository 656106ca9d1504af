"""What the command line says of how outputs are written."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..codecs.encoders import EncoderOptions
    from ..colour.hdr10 import MasteringDisplay
    from ..sinks.delivery import DeliveryOptions


def check_light(values: dict[str, Any]) -> None:
    """Refuses a peak that is not above the reference white, or that transfer or mastering display can't show."""
    if not values["peak"] > values["reference_white"]:  # so that nan is refused, too
        raise click.UsageError(
            f"--peak {values['peak']:g} is not above --reference-white {values['reference_white']:g}"
        )
    if values["transfer"] == "hlg" and values["peak"] > 1000:
        raise click.UsageError(f"--peak {values['peak']:g} is beyond what --transfer hlg can say, 1000")
    mastering_of(values)


def mastering_of(values: dict[str, Any]) -> "MasteringDisplay | None":
    """The mastering display that was asked for, if any was."""
    text: str | None = values["mastering_display"]
    if text is None:
        return None
    if values["transfer"] == "hlg":
        raise click.UsageError("--mastering-display goes with --transfer pq: HLG is of no display in particular")
    from ..colour.mastering_notation import parse_mastering_display

    try:
        return parse_mastering_display(text, values["peak"])
    except ValueError as error:
        raise click.UsageError(f"--mastering-display {error}") from None


def refuse_codec(outputs: Iterable[Path], values: dict[str, Any]) -> None:
    """Refuses a codec that an output can't hold, and a quality where the codec has none to choose."""
    from ..sinks.delivery import refuse_mismatches

    preview = preview_of(values)
    refuse_mismatches((output for output in outputs if output != preview), encoder_options(values))


def preview_of(values: dict[str, Any]) -> Path | None:
    """The output that is an SDR preview, where one was asked for: the last video of --also."""
    if values["preview_tone"] is None:
        return None
    videos: list[Path] = [output for output in values["also"] if output.suffix.lower() in (".mp4", ".mov", ".mkv")]
    if not videos:
        raise click.UsageError("--preview-tone needs an --also that ends in .mp4, .mov or .mkv: the preview")
    return videos[-1]


def encoder_options(values: dict[str, Any]) -> "EncoderOptions":
    """What the command line says of the encoder."""
    from ..codecs.encoders import EncoderOptions

    return EncoderOptions(values["codec"], values["crf"], values["preset"])


def delivery_options(values: dict[str, Any]) -> "DeliveryOptions":
    """All of it."""
    from ..codecs.exr import Compression, ExrPrimaries
    from ..colour.sdr_tone import Tone
    from ..colour.signal import HDR10, HLG10
    from ..sinks.delivery import DeliveryOptions
    from ..sinks.pipe import PipeFormat

    pipe = values.get("pipe_format")
    return DeliveryOptions(
        encoder=encoder_options(values),
        compression=Compression(values["compression"]),
        reference_white=values["reference_white"],
        peak=values["peak"],
        overwrite=values["overwrite"],
        signal=HLG10 if values["transfer"] == "hlg" else HDR10,
        preview=preview_of(values),
        preview_tone=Tone(values["preview_tone"] or "bt2390"),
        exr_primaries=ExrPrimaries(values["exr_primaries"]),
        mastering=mastering_of(values),
        pipe_format=PipeFormat(pipe) if pipe else None,
    )

"""AVIF pictures: one AV1 keyframe of 10 bits.

Reference:
    AV1 Image File Format (AVIF) 1.1.0; ISO/IEC 23008-12 (HEIF).
"""

from collections.abc import Sequence
from pathlib import Path

import av
from torch import Tensor

from ..colour.hdr10 import ContentLight, MasteringDisplay
from ..colour.signal import SignalFormat
from ..errors import OutputError, is_refusal, output_error
from ..frames import Timing, VideoInfo
from .donor import open_donor
from .encode import Encoder
from .encoders import EncoderOptions
from .opening import reason
from .static_metadata import UNKNOWN

SMALLEST, WIDEST, TALLEST = 4, 16384, 8704
"""Pixels that the encoder, SVT-AV1, takes in either direction."""


def write_avif(
    path: Path,
    planes: Sequence[Tensor],
    signal: SignalFormat,
    static: tuple[MasteringDisplay, ContentLight] | None,
    info: VideoInfo,
    options: EncoderOptions,
) -> None:
    """Writes one picture under its name, which the caller keeps temporary until it is whole.

    Args:
        path: of the file.
        planes: Y′, Cb, Cr of 4:2:0, uint16, 10-bit codes.
        signal: what they mean.
        static: HDR10 metadata, None for HLG.
        info: of the picture, as it is to be seen.
        options: of an AV1 encoder.

    Raises:
        OutputError: the file can't be written, or not with such options.
    """
    if min(info.width, info.height) < SMALLEST or info.width > WIDEST or info.height > TALLEST:
        sizes = f"from {SMALLEST}×{SMALLEST} to {WIDEST}×{TALLEST}"
        raise OutputError(
            f"{path}: {info.width}×{info.height} is not a size that AVIF is written in, {sizes}; try .png"
        )
    mastering, levels = static or (None, UNKNOWN)
    encoder = Encoder(options, info, signal, mastering, levels)
    packets = [*encoder.encode(tuple(planes), Timing(0, info.time_base, 1)), *encoder.flush()]
    size = (encoder.width, encoder.height)
    try:
        with (
            open_donor(encoder.coding, size, encoder.extradata, encoder.tag, signal, static) as donor,
            av.open(str(path), "w", format="avif") as out,
        ):
            stream = out.add_stream_from_template(donor.streams.video[0], opaque=True)
            stream.time_base = info.time_base
            for packet in packets:
                packet.stream = stream
                out.mux(packet)
    except OSError as error:
        raise _translated(path, error) from error


def _translated(path: Path, error: OSError) -> OutputError:
    return output_error(path, error) if is_refusal(error) else OutputError(f"{path}: {reason(error)}")

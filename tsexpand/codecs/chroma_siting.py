"""Where the chroma of a stream lies.

FFmpeg knows what streams and containers say of it, and what a standard says where they are silent. PyAV 18 does not
show it (19 will, as `VideoFrame.chroma_location`), but FFmpeg's Matroska muxer writes it down: the stream is described
in a file in memory that gets no pictures.
"""

import io

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from ..colour.codes import ChromaLocation
from .ebml import COLOUR, within

_ACROSS, _DOWN = 0x55B7, 0x55B8
SITINGS = {
    ChromaLocation.TOP_LEFT: (1, 1),
    ChromaLocation.LEFT: (1, 2),
    ChromaLocation.TOP: (2, 1),
    ChromaLocation.CENTER: (2, 2),
}
"""Matroska's ChromaSitingHorz and ChromaSitingVert (RFC 9559): 1 collocated, 2 half way."""

_LOCATIONS = {siting: location for location, siting in SITINGS.items()}

_BY_STANDARD = {
    "dvvideo": ChromaLocation.TOP_LEFT,
    "h261": ChromaLocation.CENTER,
    "h263": ChromaLocation.CENTER,
}
"""Of codecs that Matroska does not take."""


_MOST_PARAMETERS = 1 << 20
"""Bytes of a codec's parameters, which are copied several times; no true ones are nearly so many."""


def stated_location(stream: VideoStream, codec: str) -> ChromaLocation | None:
    """Where chroma lies by what the stream or its container says, or by the standard of its coding.

    Where they say nothing H.264, HEVC, MPEG-2 and MPEG-4 part 2 are left, MPEG-1, JPEG, H.261 and H.263 centred; VP8
    and VP9 have no word for it, and AV1 may say "unknown".

    Args:
        stream: of an open input.
        codec: FFmpeg's name of its coding.

    Returns:
        None where it is left open (and, as the muxer does, of bottom and bottom left).

    Reference:
        Rec. ITU-T H.264, E.2.1, and H.265, E.3.1 (chroma_sample_loc_type, inferred to be 0); H.262, 6.1.1.8; H.261,
        3.1; H.263, 4.1; ISO/IEC 14496-2, 6.1.3.6; ISO/IEC 11172-2, 2.4.1; JFIF 1.02; IEC 61834-2; AV1, 6.4.2.
    """
    return _BY_STANDARD.get(codec) or _LOCATIONS.get(_siting(_described(stream)))


def _described(stream: VideoStream) -> bytes:
    """A Matroska file with a description of the stream; nothing where there can be none."""
    file = io.BytesIO()
    if stream.codec_context.extradata_size > _MOST_PARAMETERS:
        return b""
    try:
        with av.open(file, "w", "matroska", options={"allow_raw_vfw": "1"}) as output:
            output.add_stream_from_template(stream, opaque=True)
            output.start_encoding()
    except (FFmpegError, ValueError):  # a coding that Matroska does not take, or damaged parameters
        return b""
    return file.getvalue()


def _siting(content: bytes) -> tuple[int, int]:
    found = {
        element.identity: int.from_bytes(content[element.body : element.end], "big")
        for element in within(io.BytesIO(content), 0, len(content), COLOUR)
        if element.identity in (_ACROSS, _DOWN)
    }
    return found.get(_ACROSS, 0), found.get(_DOWN, 0)

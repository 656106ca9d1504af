"""Which libraries decode, encode and write."""

import av
import OpenEXR


def library_versions() -> dict[str, str]:
    """Name to version: PyAV, the FFmpeg that it brings, OpenEXR."""
    return {"av": av.__version__, "ffmpeg": av.ffmpeg_version_info, "openexr": OpenEXR.__version__}

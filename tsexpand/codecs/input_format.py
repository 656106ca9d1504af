"""What the user says of an input that can't say it itself."""

from dataclasses import dataclass
from fractions import Fraction

import av
from av.format import ContainerFormat, Flags

from .pixel_layouts import pixel_layout

RAW = "rawvideo"
"""FFmpeg's name of pictures one after the other, without a header."""


@dataclass(frozen=True, slots=True)
class InputFormat:
    """The format of an input, and of raw pictures all that their bytes don't tell.

    Attributes:
        name: FFmpeg's of a demuxer; where None, FFmpeg finds it out.
        size: width and height of raw pictures, pixels.
        pixel_format: FFmpeg's name of theirs.
        frame_rate: of theirs.

    Raises:
        ValueError: there is no such format, or what is said is too little or contradicts itself.
    """

    name: str | None = None
    size: tuple[int, int] | None = None
    pixel_format: str | None = None
    frame_rate: Fraction | None = None

    def __post_init__(self) -> None:
        if self.name is not None:
            _check_demuxer(self.name)
        said = (self.size, self.pixel_format, self.frame_rate)
        if self.name == RAW and None in said:
            raise ValueError(f"{RAW} has no header: its size, pixel format and frame rate are all needed")
        if self.name != RAW and said != (None, None, None):
            raise ValueError(f"size, pixel format and frame rate can be said of {RAW} only")
        if self.pixel_format is not None:
            _check_pixel_format(self.pixel_format)

    @property
    def options(self) -> dict[str, str]:
        """For FFmpeg's demuxer."""
        if self.size is None or self.pixel_format is None or self.frame_rate is None:
            return {}
        width, height = self.size
        return {
            "video_size": f"{width}x{height}",
            "pixel_format": self.pixel_format,
            "framerate": f"{self.frame_rate.numerator}/{self.frame_rate.denominator}",
        }

    @property
    def is_of_bytes(self) -> bool:
        """Whether FFmpeg reads it as a stream of bytes, so that it may come through a pipe."""
        return self.name is None or Flags.no_file not in Flags(ContainerFormat(self.name, "r").flags)


FOUND_OUT = InputFormat()
"""Nothing is said: FFmpeg finds out."""


def full_name(name: str) -> str:
    """All names of a demuxer by one of them: "matroska,webm" for "matroska"."""
    return next((names for names in av.formats_available if "," in names and name in names.split(",")), name)


def _check_demuxer(name: str) -> None:
    try:
        ContainerFormat(name, "r")
    except ValueError:
        raise ValueError(f"{name} is no format that FFmpeg reads") from None


def _check_pixel_format(name: str) -> None:
    try:
        av.VideoFormat(name)
    except ValueError:
        raise ValueError(f"{name} is no pixel format of FFmpeg's") from None
    if pixel_layout(name) is None:
        raise ValueError(f"pixel format {name} is not supported")

"""Which pictures of an input are read, and how."""

from dataclasses import dataclass
from fractions import Fraction

import torch

from .deinterlacing import Deinterlacing
from .description import AS_TAGGED, SignalOverrides
from .input_format import FOUND_OUT, InputFormat


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Which pictures of an input are read, and how; as it stands all of them, as it says itself that they are.

    Attributes:
        start: seconds from the first picture to the first that is wanted, whose pts becomes 0; the companions'
            packets are moved with it.
        frames: how many pictures are wanted at most.
        frame_rate: at which picture files are a clip; None leaves a picture on its own.
        stream: number of the video stream among those of moving pictures, the first is 0; None: see `find_video`.
        overrides: what the user says of the signal instead of the input.
        deinterlacing: what becomes of interlaced pictures of a clip.
        repeats: whether a picture that can't be decoded is replaced by the one before it.
        scales: whether pictures that change their size or pixel format are brought to that of the first.
        format: of a clip that does not say it itself.
        hardware: the CUDA device that decodes a clip if it can, and where the planes then are; None: software does.
    """

    start: Fraction | None = None
    frames: int | None = None
    frame_rate: Fraction | None = None
    stream: int | None = None
    overrides: SignalOverrides = AS_TAGGED
    deinterlacing: Deinterlacing = Deinterlacing.FRAME
    repeats: bool = False
    scales: bool = False
    format: InputFormat = FOUND_OUT
    hardware: torch.device | None = None

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise ValueError(f"{self.frames} frames are none")

    @property
    def is_excerpt(self) -> bool:
        """Whether not all pictures are wanted."""
        return self.start is not None or self.frames is not None


WHOLE = SourceOptions()
"""All pictures, as the input says that they are."""

AS_HDR = SourceOptions(overrides=SignalOverrides(hdr=True))
"""All pictures, which may be HDR: what a delivery is read by."""

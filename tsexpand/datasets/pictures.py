"""Linear light to an EXR file that is never seen half."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from ..codecs.exr import Compression, exr_attributes, finite_half, write_exr
from ..network.output import REFERENCE_WHITE
from ..sinks.paths import remove, translated


def write_picture(path: Path, light: Tensor, texts: Mapping[str, str]) -> None:
    """Writes a scene, replacing what is there.

    Args:
        path: of the file; until it is whole, NAME.part.
        light: (3, H, W) float32, linear light in BT.709, relative.
        texts: header attributes.

    Raises:
        OutputError: it can't be written.
    """
    part = path.with_name(f"{path.name}.part")
    attributes = exr_attributes(None, Fraction(1), REFERENCE_WHITE, Fraction(0), texts)
    try:
        write_exr(part, finite_half(light).contiguous(), attributes, Compression.ZIP)
        with translated(path):
            part.replace(path)
    finally:
        with translated(path):
            remove(part)

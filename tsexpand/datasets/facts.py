"""What is known of a prepared scene; it stands in the header of its picture, so that it is measured once."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from ..codecs.exr import read_exr_text
from ..errors import InputError
from ..scenes.shape import fit, is_panorama
from .measure import Scrubbed, clipped_share, dynamic_range, scrub, thumbnail
from .pictures import write_picture

ATTRIBUTE = "tsexpandScene"
"""Of the EXR header: the facts as JSON."""

LEAST_STOPS = 6.0
"""Of a scene, from its 1st to its 99.9th percentile or from its median to its maximum: one of the two is enough, as a
clear sky has few but for the sun."""

MOST_CLIPPED = 1e-3
"""Share of the pixels at the very maximum, above which it is a clip and not a lamp."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a prepared scene.

    Attributes:
        signature: size and time (ns) of the file it was made of, and the width asked for.
        panorama: or a photograph.
        width: pixels, like `height`, of the prepared picture.
        stops: from the 1st to the 99.9th percentile of luminance.
        max_over_median: of luminance.
        clipped_share: of the original's pixels at exactly its maximum.
        scrubbed: the original's samples that were not light.
        thumbnail: see `measure.thumbnail`.
    """

    signature: list[int]
    panorama: bool
    width: int
    height: int
    stops: float
    max_over_median: float
    clipped_share: float
    scrubbed: Scrubbed
    thumbnail: list[float]

    @property
    def flags(self) -> tuple[str, ...]:
        """Why it may not be HDR, in words."""
        low = self.stops < LEAST_STOPS and self.max_over_median < 2**LEAST_STOPS
        few = (f"only {self.stops:.1f} stops",) if low else ()
        top = (f"clipped, {100 * self.clipped_share:.2g} % at the maximum",)
        return few + (top if self.clipped_share > MOST_CLIPPED else ())


def write_scene(target: Path, light: Tensor, width: int, signature: list[int]) -> Facts:
    """Scrubs, measures and resizes a scene and writes it with its facts.

    Args:
        target: of the picture, replaced where it exists.
        light: (3, H, W) float32, as stored, at least one pixel; changed.
        width: see `fit`.
        signature: see `Facts`.

    Raises:
        OutputError: it can't be written.
    """
    light, scrubbed = scrub(light)
    share = clipped_share(light)
    light = fit(light, width)
    stops, ratio = dynamic_range(light)
    look = [round(value, 5) for value in thumbnail(light).tolist()]
    rows, columns = light.shape[-2:]
    facts = Facts(signature, is_panorama(light), columns, rows, stops, ratio, share, scrubbed, look)
    write_picture(target, light, {ATTRIBUTE: json.dumps(asdict(facts))})
    return facts


def read_facts(target: Path) -> Facts | None:
    """What a picture's header says; None where there is no picture, or none that `write_scene` has written."""
    if not target.exists():
        return None
    try:
        values = json.loads(read_exr_text(target, ATTRIBUTE) or "null")
        return Facts(**{**values, "scrubbed": Scrubbed(**values["scrubbed"])})
    except (InputError, ValueError, TypeError, KeyError):
        return None  # damaged, or of another version: it is made anew

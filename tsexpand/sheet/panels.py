"""The six pictures of a sheet: what an SDR display shows of a frame, and maps of its light."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..colour.codes import Primaries
from ..colour.false_colour import change_colour, false_colour
from ..colour.luminance import luminance
from ..colour.transfer import bt1886_inverse_eotf

DARKEST, BRIGHTEST = 0.01, 10000.0
"""cd/m² at the ends of the scale of luminance."""

_MARKS = (0.01, 0.1, 1, 10, 100, 1000, 10000)
_FLOOR = 0.01
"""cd/m² added to both lights that are compared, so that differences within black do not count."""

_LEAST_REACH = 3
"""Stops at the ends of the scale of changes, or more where the peak is further above white."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A number on a scale: where it is, from 0 to 1, how it is written, and whether it must be."""

    place: float
    label: str
    must: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """What the colours of a map stand for.

    Attributes:
        colours: of so many equal steps from one end to the other: (3, 1, steps), uint8.
        marks: on it.
    """

    colours: Callable[[int], Tensor]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture with its title, and a caption or a scale.

    Attributes:
        picture: (3, H, W), uint8.
    """

    title: str
    picture: Tensor
    caption: str = ""
    scale: Scale | None = None


def panels_of(sdr: Tensor, hdr: Tensor, white: float, peak: float) -> list[Panel]:
    """The panels of a frame, in order.

    Args:
        sdr: (3, H, W), cd/m², BT.709: light of an SDR display.
        hdr: likewise, expanded.
        white: SDR white, cd/m².
        peak: cd/m².
    """
    before, after = (luminance(light.unsqueeze(0), Primaries.BT709)[0, 0].clamp_min(0) for light in (sdr, hdr))
    stops = torch.log2((after + _FLOOR) / (before + _FLOOR))
    reach = max(_LEAST_REACH, math.ceil(math.log2(peak / white)))
    return [
        Panel("SDR source", shown(sdr, white, 0), f"white is {white:g} cd/m²"),
        _exposed(hdr, white, 0),
        _exposed(hdr, white, -2),
        _exposed(hdr, white, -4),
        Panel("Luminance, cd/m²", false_colour(after), scale=_luminance_scale(white)),
        Panel("Change from SDR, stops", change_colour(stops, reach), scale=_change_scale(reach)),
    ]


def shown(light: Tensor, white: float, stops: int) -> Tensor:
    """Light on an SDR display at another exposure: (3, H, W), cd/m², BT.709, to uint8 R′G′B′ of BT.1886."""
    relative = (light * (2.0**stops / white)).clamp(0, 1)
    return (bt1886_inverse_eotf(relative) * 255).round().to(torch.uint8)


def _exposed(hdr: Tensor, white: float, stops: int) -> Panel:
    title = f"HDR, {-stops} stops darker" if stops else "HDR, same exposure"
    return Panel(title.replace("-", "−"), shown(hdr, white, stops), f"white from {white * 2**-stops:g} cd/m² on")


def _luminance_scale(white: float) -> Scale:
    span = math.log10(BRIGHTEST / DARKEST)

    def mark(level: float, must: bool = False) -> Mark:
        return Mark(math.log10(level / DARKEST) / span, _written(level), must)

    def colours(steps: int) -> Tensor:
        levels = DARKEST * 10 ** ((torch.arange(steps, dtype=torch.float64) + 0.5) / steps * span)
        return false_colour(levels.unsqueeze(0))

    return Scale(colours, (mark(white, True), *(mark(level) for level in _MARKS if level != white)))


def _change_scale(reach: int) -> Scale:
    def colours(steps: int) -> Tensor:
        places = (torch.arange(steps, dtype=torch.float64) + 0.5) / steps * 2 - 1
        return change_colour(places.unsqueeze(0) * reach, reach)

    marks = (Mark((stops + reach) / (2 * reach), _signed(stops), stops == 0) for stops in range(-reach, reach + 1))
    return Scale(colours, tuple(marks))


def _written(level: float) -> str:
    return f"{level:g}" if level < 10000 else f"{level:,.0f}".replace(",", "\u202f")


def _signed(stops: int) -> str:
    return f"{stops:+}".replace("-", "−") if stops else "0"

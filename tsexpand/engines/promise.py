"""What fewer bits may cost: nothing that is seen."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ..colour.pu21 import pu21, pu21_psnr
from ..colour.transfer import pq_inverse_eotf
from ..network import output
from ..network.output import Parametrisation
from ..network.tiling import Tile, TiledNetwork, put

LEAST_PSNR = 50.0
"""PU21 dB between the light of a quick and of an exact network: far beyond what is seen."""

MOST_STEPS = 0.5
"""Steps of a ramp of 8-bit codes, or 10-bit PQ codes where those are larger, that it may differ by: no band can come of
it that the SDR picture does not have."""

_PEAK = 1000.0
"""Luminance, cd/m², that relative light of 1 is taken for."""


class Difference(NamedTuple):
    """Between the light of two networks.

    Attributes:
        psnr: PU21 dB, on a picture of everything.
        steps: of a grey ramp, the most that it differs by anywhere; see `MOST_STEPS`.
    """

    psnr: float
    steps: float

    @property
    def is_invisible(self) -> bool:
        """Whether it keeps the promise."""
        return self.psnr >= LEAST_PSNR and self.steps <= MOST_STEPS

    def __str__(self) -> str:
        return f"{self.psnr:.1f} dB (PU21) and a ramp within {self.steps:.2f} steps"


def difference(
    quick: TiledNetwork, exact: TiledNetwork, parametrisation: Parametrisation, device: torch.device
) -> Difference:
    """How much the light of a quick network differs from that of an exact one."""
    picture = _picture().to(device)
    lights = []
    for tiled in (quick, exact):
        light = _light(tiled, picture, parametrisation)
        lights.append(light if parametrisation is Parametrisation.ABSOLUTE else _PEAK * light)
    psnr = pu21_psnr(float((pu21(lights[0]) - pu21(lights[1])).square().mean()))
    ramps = [1023 * pq_inverse_eotf(light[..., :_RAMP, :]) for light in lights]
    rise = ramps[1].diff(dim=-1).abs()
    step = torch.maximum(pad(rise, (1, 0)), pad(rise, (0, 1))).clamp_min(1)
    return Difference(psnr, float(((ramps[0] - ramps[1]).abs() / step).max()))


def _light(tiled: TiledNetwork, picture: Tensor, parametrisation: Parametrisation) -> Tensor:
    light = torch.empty_like(picture)

    def take(tile: Tile, logits: Tensor, shown: Tensor) -> None:
        put(tile, output.light(logits, shown, parametrisation), light)

    tiled(picture, take)
    return light


_RAMP = 24
"""Rows of the picture that are a grey ramp."""


def _picture() -> Tensor:
    """(1, 3, 96, 256): a ramp of grey, ramps of colours, smooth colours, noise; each over the whole range.

    The ramp is of full-range 8-bit codes, a column each.
    """
    ramp = torch.linspace(0, 1, 256).expand(3, _RAMP, 256)
    tints = torch.tensor([[1.0, 0.6, 0.3], [0.3, 1.0, 0.6], [0.6, 0.3, 1.0]])
    colours = torch.cat([tint[:, None, None] * ramp[:, :8] for tint in tints], dim=1)
    generator = torch.Generator().manual_seed(0)
    grid = torch.rand(1, 3, 4, 32, generator=generator)
    smooth = interpolate(grid, (24, 256), mode="bicubic")[0].clamp(0, 1)
    noise = torch.rand(3, 24, 256, generator=generator)
    return torch.cat([ramp, colours, smooth, noise], dim=1)[None]

"""The network as kernels for NVIDIA GPUs: compiled in seconds when they are first used, by a compiler of PyTorch's.

What a pixel becomes is the same to the last bit in any tile and batch; cuDNN chooses how to add by the shape.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..compiled.compiler import CompilationError
from ..errors import first_line
from ..network.expandnet import FUSED, HALO, ExpandNet
from ..network.tiling import TakeTile, TiledNetwork, global_code, held, tile_size, tiles, within_halo

DTYPES = (torch.float16, torch.bfloat16)
"""Of the products."""

TILE = 2048
"""Height and width of tiles at most, one frame at a time."""

_HOPPER = (9, 0)
"""Compute capability of the GPUs that fetch whole tiles by themselves, as the kernels want it."""


def is_quick(device: torch.device) -> bool:
    """Whether kernels are faster than layers on a CUDA device: they are on Hopper, where it was measured."""
    return torch.version.hip is None and torch.cuda.get_device_capability(device) >= _HOPPER


def gpu_network(network: ExpandNet, dtype: torch.dtype, tile: Callable[[], int]) -> TiledNetwork:
    """A network for absolute light that runs as kernels.

    Args:
        network: the whole of it, on a CUDA device.
        dtype: of the products, one of `DTYPES`.
        tile: gives the height and width of tiles, at most.

    Raises:
        CompilationError: there is no compiler, or not for this device.
    """
    try:
        from ..network.gpu_layers import GpuLayers

        expand = GpuLayers(network, dtype)
        device = next(network.parameters()).device
        with torch.inference_mode():  # one pixel, for which all is compiled
            signal = torch.zeros(1, 3, *[1 + 2 * HALO] * 2, device=device)
            expand(signal, torch.zeros(1, FUSED, device=device)).cpu()  # errors of the device come while it is awaited
    except ImportError as error:
        why = f"Triton, which PyTorch for CUDA brings on Linux, is not installed, or too old ({error})"
        raise CompilationError(why) from error
    except Exception as error:  # of Triton, of the C compiler that it needs, of the driver
        raise CompilationError(first_line(str(error) or type(error).__name__)) from error

    def compiled(signal: Tensor, take: TakeTile) -> None:
        code = global_code(network, signal)
        height, width = signal.shape[-2:]
        size = tile_size(height, width, tile())
        frames = held(signal, *size)
        for place in tiles(height, width, *size):
            rows = slice(place.top, place.top + place.height + 2 * HALO)
            part = frames[:, :, rows, place.left : place.left + place.width + 2 * HALO]
            take(place, expand(part, code), within_halo(part))

    return compiled

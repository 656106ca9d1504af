"""Numbers that never change, where the pictures are: to bring them there for every frame would halt a GPU."""

from collections.abc import Callable, Hashable
from functools import cache

import torch
from torch import Tensor


def constant(like: Tensor, make: Callable[..., Tensor], *arguments: Hashable) -> Tensor:
    """What a function makes of arguments, always the same, in the number type and on the device of a tensor."""
    return _constant(make, arguments, like.dtype, like.device)


@cache  # small, and few for a size of pictures; what a GPU's recorded work was made with must not go before it
@torch.inference_mode(False)  # or it could be part of no training
def _constant(
    make: Callable[..., Tensor], arguments: tuple[Hashable, ...], dtype: torch.dtype, device: torch.device
) -> Tensor:
    return make(*arguments).to(dtype).to(device)

"""The weights of ExpandNet as its compiled full-resolution part takes them, see `methods`.

Features are kept as what they differ by from their averages over flat pictures, and what convolutions make of the
averages is in the biases. What few bits hold of a number is wrong by a share of it: in bfloat16 the light is 1 to 8 dB
closer to that of float32, by model and method.
"""

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .expandnet import ExpandNet

_SHADES = 9
"""Of each primary, in the colours that features are averaged over."""


class Kernels(NamedTuple):
    """Inputs of what is compiled, so that it serves all weights.

    Attributes:
        products: flat, of the number type that is multiplied, as the method arranges them.
        exact: flat, float32, see `layers_of`.
    """

    products: Tensor
    exact: Tensor


def layers_of(network: ExpandNet) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The weights of a network, float64.

    Returns:
        Those that are multiplied in any number type: of 3×3 layers (O, I, 3, 3), of the fusion (O, I). Those that are
        float32 always, in the order of their use: of first layers (3, 3, I, O), of the last (O, I), else (O,).
    """
    local, mid = [convolution(layer) for layer in network.local_net], [convolution(m) for m in network.mid_net]
    last = convolution(network.end_net[1])
    of_local, of_mid = _averages(local), _averages(mid[:3])
    from_local, from_mid, merged = fusion_of(network)
    products = {
        "local": local[1].weight.double(),
        "mid_1": mid[1].weight.double(),
        "mid_2": mid[2].weight.double(),
        "mid_3": merged,
        "fusion": from_local,
    }
    exact = {
        "local_first": local[0].weight.permute(2, 3, 1, 0),
        "local_first_bias": bias_of(local[0]),
        "local_first_average": of_local[0],
        "local_bias": _of_flat(local[1], of_local[0]),
        "local_average": of_local[1],
        "mid_first": mid[0].weight.permute(2, 3, 1, 0),
        "mid_first_bias": bias_of(mid[0]),
        "mid_first_average": of_mid[0],
        "mid_1_bias": _of_flat(mid[1], of_mid[0]),
        "mid_1_average": of_mid[1],
        "mid_2_bias": _of_flat(mid[2], of_mid[1]),
        "mid_2_average": of_mid[2],
        "fusion_bias": from_local @ of_local[1] + from_mid @ _of_flat(mid[3], of_mid[2]),
        "last": last.weight[:, :, 0, 0],
        "last_bias": bias_of(last),
    }
    return products, {name: tensor.double() for name, tensor in exact.items()}


def flat(tensors: Iterable[Tensor], dtype: torch.dtype) -> Tensor:
    """Tensors one after the other, in memory of their own."""
    return torch.cat([tensor.detach().to(dtype).flatten() for tensor in tensors])


def _averages(layers: list[nn.Conv2d]) -> list[Tensor]:
    """Features behind each of some layers, averaged over flat pictures of all colours: (C,), float64."""
    shades = torch.linspace(0, 1, _SHADES, dtype=torch.float64)
    features, averages = torch.cartesian_prod(shades, shades, shades), []
    for layer in layers:
        features = F.selu(_of_flat(layer, features))
        averages.append(features.mean(0))
    return averages


def _of_flat(layer: nn.Conv2d, features: Tensor) -> Tensor:
    """What a convolution makes of flat pictures: (..., I) to (..., O), float64."""
    return F.linear(features, layer.weight.double().sum((2, 3)), bias_of(layer))


def fusion_of(network: ExpandNet) -> tuple[Tensor, Tensor, Tensor]:
    """What the fusion makes of the branches, float64.

    The last dilated layer has no activation after it, so that its share of the fusion goes into it.

    Returns:
        Of local features (O, I); of the results of the last dilated layer (O, I); of what that layer sees (O, I, 3, 3).
    """
    local, mid, fusion = map(convolution, (network.local_net[1], network.mid_net[3], network.end_net[0]))
    weight = fusion.weight[:, :, 0, 0].double()
    from_local, from_mid, _ = weight.tensor_split((local.out_channels, local.out_channels + mid.out_channels), dim=1)
    return from_local, from_mid, torch.einsum("om,mikl->oikl", from_mid, mid.weight.double())


def bias_of(layer: nn.Conv2d) -> Tensor:
    """(O,), float64."""
    return cast(Tensor, layer.bias).double()


def convolution(layer: nn.Module) -> nn.Conv2d:
    """A layer without its activation, if it has one."""
    return cast(nn.Conv2d, layer[0] if isinstance(layer, nn.Sequential) else layer)

"""Networks for tests."""

import torch
from torch import nn

from tsexpand.network.architectures import Architecture, Network
from tsexpand.network.expandnet import HALO, ExpandNet
from tsexpand.network.methods import Method


def random_network(seed: int = 0) -> ExpandNet:
    """See `random_weights`."""
    network = random_weights(Architecture.EXPANDNET, seed)
    assert isinstance(network, ExpandNet)
    return network


def random_weights(architecture: Architecture, seed: int = 0) -> Network:
    """A network of weights that keep activations near unit variance, so that every branch counts."""
    generator = torch.Generator().manual_seed(seed)
    network = architecture.network()
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan_in = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=fan_in**-0.5, generator=generator)
            nn.init.normal_(layer.bias, std=0.1, generator=generator)
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def zero_network() -> ExpandNet:
    """Logits of zero everywhere."""
    network = random_network()
    nn.init.zeros_(network.end_net[1].weight)
    nn.init.zeros_(network.end_net[1].bias)
    return network


def random_signal(*shape: int, seed: int = 1) -> torch.Tensor:
    """R′G′B′ in [0, 1)."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def random_part(method: Method, height: int, width: int) -> torch.Tensor:
    """With its halo, and what is beyond."""
    more = 2 * HALO + method.beyond
    return random_signal(1, 3, height + more, width + more).contiguous(memory_format=torch.channels_last)

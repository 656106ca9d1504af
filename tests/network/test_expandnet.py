"""The split network against the published graph, written here a second time from the paper."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, selu

from tsexpand.network.expandnet import ExpandNet

from .models import random_network, random_signal

SHAPES = {
    "local_net.0.0": (64, 3, 3, 3),
    "local_net.1.0": (128, 64, 3, 3),
    "mid_net.0.0": (64, 3, 3, 3),
    "mid_net.1.0": (64, 64, 3, 3),
    "mid_net.2.0": (64, 64, 3, 3),
    "mid_net.3": (64, 64, 3, 3),
    "glob_net.0.0": (64, 3, 3, 3),
    **{f"glob_net.{i}.0": (64, 64, 3, 3) for i in range(1, 6)},
    "glob_net.6": (64, 64, 4, 4),
    "end_net.0.0": (64, 256, 1, 1),
    "end_net.1": (3, 64, 1, 1),
}
"""Layers of the public checkpoints."""


def published_forward(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """Concatenation of local, mid and expanded global features, 1×1 fusion, sigmoid."""

    def conv(name: str, x: Tensor, stride: int = 1, padding: int = 0, dilation: int = 1) -> Tensor:
        return conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], stride, padding, dilation)

    local = selu(conv("local_net.1.0", selu(conv("local_net.0.0", x, padding=1)), padding=1))
    mid = x
    for i in range(3):
        mid = selu(conv(f"mid_net.{i}.0", mid, padding=2, dilation=2))
    mid = conv("mid_net.3", mid, padding=2, dilation=2)
    code = interpolate(x, (256, 256), mode="bilinear", align_corners=False)
    for i in range(6):
        code = selu(conv(f"glob_net.{i}.0", code, stride=2, padding=1))
    code = conv("glob_net.6", code).expand(-1, -1, *x.shape[-2:])
    fused = selu(conv("end_net.0.0", torch.cat((local, mid, code), dim=1)))
    return torch.sigmoid(conv("end_net.1", fused))


@pytest.mark.parametrize(("height", "width"), [(48, 64), (33, 47), (5, 3)])
def test_agrees_with_the_published_graph(height: int, width: int) -> None:
    network = random_network()
    signal = random_signal(2, 3, height, width)
    expected = published_forward(network.state_dict(), signal)
    assert expected.std() > 0.05  # or the comparison would say little
    torch.testing.assert_close(torch.sigmoid(network(signal)), expected, atol=1e-5, rtol=0)


def test_layers_are_those_of_the_public_checkpoints() -> None:
    state = ExpandNet().state_dict()
    expected = {f"{k}.weight": s for k, s in SHAPES.items()} | {f"{k}.bias": s[:1] for k, s in SHAPES.items()}
    assert {k: tuple(v.shape) for k, v in state.items()} == expected
    assert sum(v.numel() for v in state.values()) == 456_899

import torch
import torch.nn.functional as F

from tsexpand.network.expandnet import ExpandNet
from tsexpand.network.kernels import layers_of

from .models import random_network


def averages(network: ExpandNet) -> list[torch.Tensor]:
    """Of the features of local and mid layers, from pictures of one colour that are run through them."""
    shades = torch.linspace(0, 1, 9)
    pictures = torch.cartesian_prod(shades, shades, shades)[:, :, None, None].expand(-1, -1, 9, 9)
    found = []
    for layers in (network.local_net, network.mid_net[:3]):
        features = pictures
        for layer in layers:
            features = layer(features)
            found.append(features[:, :, 4, 4].mean(0))
            features = features[:, :, 4:5, 4:5].expand(-1, -1, 9, 9)
    return found


def test_averages_are_those_of_flat_pictures_of_all_colours() -> None:
    network = random_network()
    _, exact = layers_of(network)
    names = ("local_first", "local", "mid_first", "mid_1", "mid_2")
    with torch.inference_mode():
        for name, expected in zip(names, averages(network), strict=True):
            torch.testing.assert_close(exact[f"{name}_average"].float(), expected, rtol=1e-4, atol=1e-5)


def test_what_convolutions_make_of_the_averages_is_in_the_biases() -> None:
    network = random_network()
    _, exact = layers_of(network)
    layer = network.local_net[1][0]  # type: ignore[index]
    flat = exact["local_first_average"].float()[None, :, None, None].expand(1, -1, 3, 3)
    torch.testing.assert_close(exact["local_bias"].float(), F.conv2d(flat, layer.weight, layer.bias)[0, :, 0, 0])

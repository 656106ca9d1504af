"""Muon: momentum, made orthogonal before it moves the weights of a layer."""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor
from torch.optim import Optimizer

MOMENTUM = 0.95

_COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic that brings singular values in (0, 1] near 1 in few steps
_ITERATIONS = 5


def orthogonalised(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors, its singular values near 1 unless they were tiny.

    Args:
        matrix: (R, C), float32.

    Returns:
        (R, C).

    Reference:
        K. Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024): Newton-Schulz iteration.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.mT
    result: Tensor = wide / (wide.norm() + 1e-7)
    first, third, fifth = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = result @ result.mT
        result = first * result + (third * square + fifth * square @ square) @ result
    return result if wide is matrix else result.mT


class Muon(Optimizer):
    """For convolutions, as matrices of outputs by inputs and places; not for biases or a last layer.

    Args:
        parameters: (outputs, ...) each, float32.
        lr: spectral norm of a step, for layers with no more outputs than inputs.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # no closures here
        """Moves the weights."""
        for group in self.param_groups:
            for weight in group["params"]:
                self._move(weight, group["lr"])

    def _move(self, weight: Tensor, rate: float) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"]
        gradient = cast(Tensor, weight.grad)
        momentum.lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(momentum, MOMENTUM).flatten(1)
        scale = max(1.0, ahead.shape[0] / ahead.shape[1]) ** 0.5
        weight.sub_(orthogonalised(ahead).view_as(weight), alpha=rate * scale)

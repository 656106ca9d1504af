"""Weights on their way: network, averaged weights and optimiser, moved, saved and restored together."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import InputError, TsexpandError, WeightsError
from ..network.architectures import Architecture, Network
from ..network.compactnet import GatedBlock
from ..network.output import Parametrisation
from ..network.weights import Weights, load_weights
from .checkpoints import read_checkpoint, write_checkpoint
from .loading import Share
from .muon import Muon
from .objective import objective
from .options import TrainOptions
from .samples import SampleBatch

GRADIENT_NORM = 10.0
"""Longest gradient of a step; longer ones, of rare samples, are shortened."""


def learning_rate(options: TrainOptions, step: int) -> float:
    """Learning rate of a step, numbered from 0: linear warm-up, then a cosine to a hundredth."""
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    remaining = max(1, options.steps - options.warmup_steps)
    phase = (step - options.warmup_steps) / remaining
    return options.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * phase)))


RATES = {"muon": 5.0, "adam": 1.0}
"""What the learning rate is multiplied by for each optimiser."""


def optimisers(network: Network) -> dict[str, torch.optim.Optimizer]:
    """Muon for the convolutions, Adam for biases, the last layer, and layers whose channels do not meet.

    In 200 steps on the same samples the error in clipped areas of validation scenes fell 1.8 times as far as by Adam
    alone (docs/quality.md).
    """
    last = network.last
    mixing = [p for p in network.parameters() if p.ndim == 4 and p.shape[1] > 1 and p is not last.weight]
    chosen = set(map(id, mixing))
    others = [p for p in network.parameters() if id(p) not in chosen]
    return {"muon": Muon(mixing, 0.0), "adam": torch.optim.Adam(others, 0.0)}  # rates are set at every step


def initial_network(options: TrainOptions) -> Network:
    """The network to start from: given weights, or one whose output layer is zero.

    For the absolute target a network of zeros shows the analytic picture, from which it departs. A teacher's global
    branch is what it begins with, too.

    Raises:
        WeightsError: the given weights can't be used, or are for another target or network.
    """
    taught = None if options.teacher is None else teacher_network(options.teacher)
    if options.init is not None:
        weights = _weights_for(options.init, options.target, options.network)
        return weights.network.requires_grad_(True).train()
    torch.manual_seed(options.seed)
    network = options.network.network()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")  # LeCun, as SELU wants
            nn.init.zeros_(cast(Tensor, layer.bias))
        elif isinstance(layer, nn.Linear):  # what the global branch shifts
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    for block in network.modules():
        if isinstance(block, GatedBlock):
            nn.init.zeros_(block.narrow.weight)
    nn.init.zeros_(network.last.weight)
    if taught is not None:
        network.glob_net.load_state_dict(taught.glob_net.state_dict())
    return network


def teacher_network(path: Path) -> Network:
    """A network to learn from, which itself learns nothing.

    Raises:
        WeightsError: the weights can't be used.
    """
    return _weights_for(path, Parametrisation.ABSOLUTE, Architecture.EXPANDNET).network


def _weights_for(path: Path, target: Parametrisation, architecture: Architecture) -> Weights:
    weights = load_weights(str(path))
    if weights.parametrisation is not target:
        raise WeightsError(f"{path}: weights for --target {weights.parametrisation.value}, not {target.value}")
    found = Architecture.of(weights.network)
    if found is not architecture:
        raise WeightsError(f"{path}: weights of --network {found.value}, not {architecture.value}")
    return weights


class _Logits(nn.Module):
    """The network as training calls it: frames and samples in one forward pass, convolutions in any precision."""

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network
        self._device = device
        self._dtype = dtype

    def forward(self, frames: Tensor, signal: Tensor) -> Tensor:
        with torch.autocast(self._device.type, self._dtype, enabled=self._dtype is not torch.float32):
            return self.network.expand(signal, self.network.global_features(frames))


@dataclass(frozen=True, slots=True)
class Kept:
    """The averaged weights that will be published if no others are kept.

    Attributes:
        step: after which they were validated; -1: none yet.
        scores: of the validation.
        weights: state of the network.
    """

    step: int = -1
    scores: dict[str, float] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)


class Trainer:
    """The state of a training on one device."""

    def __init__(self, options: TrainOptions, device: torch.device, share: Share, identity: dict[str, Any]) -> None:
        self.options = options
        self.identity = identity
        self.device = device
        self.network = initial_network(options).to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stub
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimisers = optimisers(self.network)
        self.dtype = options.precision.on(device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.dtype is torch.float16)
        self.kept = Kept()
        self.step = 0
        self._forward = self._prepared(share)
        self._teacher = None if options.teacher is None else self._prepared_teacher(options.teacher)

    def _prepared_teacher(self, path: Path) -> nn.Module:
        teacher = teacher_network(path).to(self.device)
        teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stub
        return self._compiled(_Logits(teacher, self.device, self.dtype))

    def _compiled(self, logits: nn.Module) -> nn.Module:
        return cast(nn.Module, torch.compile(logits)) if self.options.compile else logits

    def _prepared(self, share: Share) -> nn.Module:
        logits: nn.Module = _Logits(self.network, self.device, self.dtype)
        if share.world > 1:
            logits = DistributedDataParallel(logits)
        return self._compiled(logits)

    def update(self, batch: SampleBatch) -> float:
        """One step of the optimiser; returns the loss."""
        loss = objective(self.options, self._forward, batch.to(self.device), self._teacher)
        if not loss.isfinite():
            raise TsexpandError(f"the loss of step {self.step + 1} is not finite; try a lower --learning-rate")
        self.network.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        for optimiser in self.optimisers.values():
            self.scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), GRADIENT_NORM)
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = RATES[name] * learning_rate(self.options, self.step)
            self.scaler.step(optimiser)
        self.scaler.update()
        self._follow()
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def _follow(self) -> None:
        """Moves the averaged weights; at first quickly, so that they forget the initial ones."""
        decay = min(self.options.ema_decay, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def averaged_network(self) -> Network:
        """A network with the averaged weights, for validation."""
        network = self.options.network.network().to(self.device)
        network.load_state_dict(self.average)
        return network.eval().requires_grad_(False)

    def keep(self, scores: dict[str, float]) -> None:
        """Keeps the averaged weights, instead of those that were kept before."""
        self.kept = Kept(self.step, scores, {k: v.detach().cpu().clone() for k, v in self.average.items()})

    def keep_if_best(self, scores: dict[str, float], score: str) -> None:
        """Keeps the averaged weights if no earlier ones had as high a score."""
        if self.kept.step < 0 or scores[score] > self.kept.scores[score] or math.isnan(self.kept.scores[score]):
            self.keep(scores)

    def save(self, path: Path) -> None:
        """Writes all that is needed to go on as if nothing had happened.

        Raises:
            OutputError: it can't be written; the checkpoint before stays.
        """
        state = {
            "step": self.step,
            "options": self.identity,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "scaler": self.scaler.state_dict(),
            "kept": {"step": self.kept.step, "scores": self.kept.scores, "weights": self.kept.weights},
        }
        write_checkpoint(path, state)

    def restore(self, path: Path) -> None:
        """Takes up a checkpoint where it stopped.

        Raises:
            InputError: it is not a checkpoint, or of a training with other options or data.
        """
        state = read_checkpoint(path, self.identity)
        try:
            self._take(state)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # what torch raises for other shapes
            raise InputError(f"{path}: not a checkpoint of this network ({type(error).__name__})") from error

    def _take(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.average = {k: v.to(self.device) for k, v in state["average"].items()}
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.scaler.load_state_dict(state["scaler"])
        self.kept = Kept(**state["kept"])
        self.step = state["step"]

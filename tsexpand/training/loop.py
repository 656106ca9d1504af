"""The training loop: phase one, absolute light, resumable to the sample."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..colour.transfer import pq_inverse_eotf
from ..errors import InputError, OutputError
from ..flow import Flow
from ..network.expandnet import ExpandNet
from ..network.output import REFERENCE_WHITE, absolute_pq
from .loss import reconstruction_loss
from .samples import VIEW_HEIGHT, SampleBatch, sample_batches
from .scenes import load_scenes


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """What is trained, on what, for how long.

    Attributes:
        data: folder of .exr scenes.
        output: checkpoint, written every `checkpoint_seconds` and at the end; resumed where it exists.
        steps: of the optimiser, in all.
        batch_size: samples a step.
        size: of the square parts of the views, even.
        learning_rate: at its highest; warmed up over `warmup_steps`, then a cosine to a hundredth.
        warmup_steps: of linear growth.
        ema_decay: of the averaged weights, which are the ones published.
        seed: of samples and initial weights.
        bfloat16: whether convolutions run in bfloat16.
        compile: whether the network is compiled (worth it beyond a few hundred steps).
        checkpoint_seconds: between checkpoints.
    """

    data: Path
    output: Path
    steps: int
    batch_size: int = 8
    size: int = 144
    learning_rate: float = 4e-4
    warmup_steps: int = 100
    ema_decay: float = 0.998
    seed: int = 0
    bfloat16: bool = False
    compile: bool = False
    checkpoint_seconds: float = 300.0

    def __post_init__(self) -> None:
        if not 2 <= self.size <= VIEW_HEIGHT or self.size % 2:
            raise ValueError(f"size {self.size} is not an even number up to {VIEW_HEIGHT}")
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError("steps and batch size start at 1")


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a training after a step: its number, its loss, and samples a second since the last."""

    step: int
    loss: float
    samples_per_second: float


# Options that change what the weights become; a checkpoint can't be resumed under others.
_IDENTITY = ("steps", "batch_size", "size", "learning_rate", "warmup_steps", "ema_decay", "seed", "bfloat16")


def learning_rate(options: TrainOptions, step: int) -> float:
    """Learning rate of a step, numbered from 0: linear warm-up, then a cosine to a hundredth."""
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    remaining = max(1, options.steps - options.warmup_steps)
    phase = (step - options.warmup_steps) / remaining
    return options.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * phase)))


def initial_network(seed: int) -> ExpandNet:
    """A network whose output layer is zero: the analytic picture, from which it departs."""
    torch.manual_seed(seed)
    network = ExpandNet()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")  # LeCun, as SELU wants
            nn.init.zeros_(cast(Tensor, layer.bias))
    nn.init.zeros_(cast(nn.Conv2d, network.end_net[1]).weight)
    return network


class Trainer:
    """Weights on their way: network, averaged weights and optimiser, saved and restored together."""

    def __init__(self, options: TrainOptions) -> None:
        self.options = options
        self.network = initial_network(options.seed)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stub
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=options.learning_rate)
        self.step = 0
        self._forward: Callable[[Tensor, Tensor], Tensor] = self._logits
        if options.compile:
            self._forward = torch.compile(self._logits)

    def _logits(self, frames: Tensor, signal: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bfloat16):
            logits: Tensor = self.network.expand(signal, self.network.global_features(frames))
        return logits

    def update(self, batch: SampleBatch) -> float:
        """One step of the optimiser; returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.options, self.step)
        signal = batch.signal.contiguous(memory_format=torch.channels_last)
        frames = batch.frames.contiguous(memory_format=torch.channels_last)
        prediction = absolute_pq(self._forward(frames, signal), signal)
        loss = reconstruction_loss(prediction, pq_inverse_eotf(REFERENCE_WHITE * batch.light))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self._follow()
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def _follow(self) -> None:
        """Moves the averaged weights; at first quickly, so that they forget the initial ones."""
        decay = min(self.options.ema_decay, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def _identity(self) -> dict[str, Any]:
        return {name: asdict(self.options)[name] for name in _IDENTITY}

    def save(self) -> None:
        """Writes the checkpoint: whole or not at all."""
        state = {
            "step": self.step,
            "options": self._identity(),
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
        }
        path = self.options.output
        part = path.with_name(path.name + ".part")
        try:
            torch.save(state, part)
            part.replace(path)
        except (OSError, RuntimeError) as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"{path}: checkpoint not written ({error})") from error

    def restore(self) -> None:
        """Takes up the checkpoint where it stopped.

        Raises:
            InputError: it is not a checkpoint, or of a training with other options.
        """
        path = self.options.output
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            stored = state["options"]
        except Exception as error:  # torch.load raises many types for a damaged file
            raise InputError(f"{path}: not a checkpoint of a training ({type(error).__name__})") from error
        differing = [k for k, v in self._identity().items() if stored.get(k) != v]
        if differing:
            raise InputError(f"{path}: a checkpoint of other options ({', '.join(differing)}); choose another output")
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def train(options: TrainOptions, on_progress: Callable[[Progress], None] = lambda progress: None) -> Trainer:
    """Trains to the last step, from the checkpoint where there is one.

    Raises:
        InputError: no scenes, or a checkpoint that does not fit.
        OutputError: the checkpoint can't be written; the one before stays.
    """
    trainer = Trainer(options)
    if options.output.exists():
        trainer.restore()
    scenes = load_scenes(options.data)
    saved = began = time.monotonic()
    steps = range(trainer.step, options.steps)
    with Flow() as flow:
        batches = sample_batches(scenes, options.seed, steps, options.batch_size, options.size)
        for batch in flow.prefetch(batches, depth=4, name="samples"):
            loss = trainer.update(batch)
            now = time.monotonic()
            on_progress(Progress(trainer.step, loss, options.batch_size / (now - began)))
            began = now
            if now - saved > options.checkpoint_seconds:
                trainer.save()
                saved = now
    trainer.save()
    return trainer

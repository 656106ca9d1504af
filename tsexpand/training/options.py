"""What is trained, on what, for how long."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ..colour.ssim import WINDOW
from ..engines.devices import Precision
from ..network.architectures import Architecture
from ..network.expandnet import HALO
from ..network.output import Parametrisation
from .cameras import VIEW_HEIGHT
from .motion import inner_margin
from .samples import GRID

EDGE = {Architecture.EXPANDNET: HALO, Architecture.COMPACT: 16}
"""Pixels at every edge of a sample that no loss looks at, as zeros from outside went into them. So they did into some
more of the compact network, whose halo is 32: by 0.01 of a 10-bit PQ code on average, by 4 in the worst pixel of 24
samples. In a clip other pixels are there; the frame's own edges are held (repeated) when weights are applied."""

SMALLEST_SIZE = 4 * EDGE[Architecture.EXPANDNET]
"""Below this there would be more edge than picture."""

LARGEST_SIZE = VIEW_HEIGHT - GRID
"""Of a sample that may begin anywhere in the grid of its frame."""


def compared_size(size: int, target: Parametrisation, network: Architecture = Architecture.EXPANDNET) -> int:
    """Side of what a stability loss compares of a sample, pixels.

    At every edge go the pixels of `EDGE`; for the relative target also those that show
    after a motion what was not in the sample.

    Args:
        size: of the sample, pixels.
        target: of the training.
        network: that is trained.
    """
    moved_in = inner_margin(size) if target is Parametrisation.RELATIVE else 0
    return size - 2 * (EDGE[network] + moved_in)


class Phase(Enum):
    """FIRST learns to reconstruct; SECOND tunes trained weights, for stability too where a stability loss is given."""

    FIRST = "first"
    SECOND = "second"


class Stability(Enum):
    """What compares the prediction of the next frame, or of the moved picture, with what is expected of it."""

    NONE = "none"
    L1 = "l1"
    L2 = "l2"
    REC = "rec"
    SSIM = "ssim"


PUBLISHED_ALPHA = {
    Stability.NONE: 0.0,
    Stability.L1: 0.4,
    Stability.L2: 0.8,
    Stability.REC: 0.38,
    Stability.SSIM: 0.1,
}
"""Share of the stability loss in the whole, as the project's origin trained with (arXiv 1902.10424 calls it α)."""


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """All of a training; what it changes about the weights and what it does not.

    Attributes:
        data: folders of scenes, .exr or .hdr.
        output: weights file to come; checkpoint and log stand beside it.
        steps: of the optimiser, in all.
        validation: folder of scenes for the scores; by default about one scene in eight is held back for them.
        phase: first or second.
        target: what the output is to mean.
        stability: loss of the second phase.
        alpha: share of the stability loss; by default the published one.
        follow_motion: for the relative target, whether of a moved picture the moved prediction is expected (the paper),
            or the same as before (the project's origin).
        init: weights to start from; the second phase needs them.
        network: that is trained.
        teacher: weights of ExpandNet whose light the network learns too, beside the truth.
        batch_size: samples a step, over all devices.
        size: of the square samples, even, pixels.
        learning_rate: of Adam at its highest, Muon's is a multiple; warmed up over `warmup_steps`, then a cosine to
            a hundredth.
        warmup_steps: of linear growth.
        ema_decay: of the averaged weights, which are the ones published.
        seed: of samples and initial weights.
        precision: of the convolutions; weights, first and last layers and losses are float32 always.
        compile: whether the network is compiled (worth it beyond a few hundred steps).
        device: "cpu", "cuda", or "auto".
        workers: processes that make samples.
        validate_every: steps between validations.
        checkpoint_seconds: between checkpoints.
        pictures: folder for pictures of validation samples, or None.
        tensorboard: folder for TensorBoard, or None.
    """

    data: tuple[Path, ...]
    output: Path
    steps: int
    validation: Path | None = None
    phase: Phase = Phase.FIRST
    target: Parametrisation = Parametrisation.ABSOLUTE
    stability: Stability = Stability.NONE
    alpha: float | None = None
    follow_motion: bool = True
    init: Path | None = None
    network: Architecture = Architecture.EXPANDNET
    teacher: Path | None = None
    batch_size: int = 8
    size: int = 144
    learning_rate: float = 2e-4
    warmup_steps: int = 100
    ema_decay: float = 0.998
    seed: int = 0
    precision: Precision = Precision.FLOAT32
    compile: bool = False
    device: str = "auto"
    workers: int = 1
    validate_every: int = 500
    checkpoint_seconds: float = 300.0
    pictures: Path | None = None
    tensorboard: Path | None = None

    def __post_init__(self) -> None:
        smallest = 4 * EDGE[self.network]
        if not smallest <= self.size <= LARGEST_SIZE or self.size % 2:
            raise ValueError(f"--size {self.size} is not an even number from {smallest} to {LARGEST_SIZE}")
        for name in ("steps", "batch_size", "validate_every", "workers"):
            if (number := getattr(self, name)) < 1:
                raise ValueError(f"--{name.replace('_', '-')} {number} is too few; take 1 or more")
        if self.phase is Phase.SECOND and self.init is None:
            raise ValueError("--phase second tunes trained weights: it needs --init")
        if self.phase is Phase.FIRST and self.stability is not Stability.NONE:
            raise ValueError("--stability belongs to --phase second")
        if self.stability is Stability.NONE and (self.alpha is not None or not self.follow_motion):
            raise ValueError("--alpha and --no-follow-motion are of a stability loss, and no --stability is chosen")
        if self.target is Parametrisation.ABSOLUTE and not self.follow_motion:
            raise ValueError("--no-follow-motion is of --target relative: of the absolute one frames follow the camera")
        if self.target is Parametrisation.RELATIVE and self.network is not Architecture.EXPANDNET:
            raise ValueError(f"--network {self.network.value} is of --target absolute")
        if self.target is Parametrisation.RELATIVE and self.teacher is not None:
            raise ValueError("--teacher is of --target absolute")
        if self.stability is Stability.SSIM:
            self._check_room_for_ssim()
        if not 0 <= self.stability_share < 1:
            raise ValueError(f"--alpha {self.alpha} is not in [0, 1)")

    def _check_room_for_ssim(self) -> None:
        if (side := compared_size(self.size, self.target, self.network)) < WINDOW:
            larger = range(self.size, LARGEST_SIZE + 1, 2)
            enough = next(size for size in larger if compared_size(size, self.target, self.network) >= WINDOW)
            raise ValueError(
                f"--size {self.size} leaves {side}×{side} pixels to compare by --stability ssim, "
                f"whose window is {WINDOW}×{WINDOW}; take {enough} or more"
            )

    @property
    def stability_share(self) -> float:
        """The share of the stability loss that applies."""
        return PUBLISHED_ALPHA[self.stability] if self.alpha is None else self.alpha

    @property
    def checkpoint(self) -> Path:
        """The file that an interrupted training is resumed from."""
        return self.output.with_name(self.output.name + ".checkpoint")

    @property
    def log(self) -> Path:
        """Losses and scores, a JSON object a line."""
        return self.output.with_name(self.output.name + ".jsonl")

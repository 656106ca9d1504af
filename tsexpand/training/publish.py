"""From a finished training to a weights file."""

from .. import __version__
from ..network.weights import save_weights
from .loop import Data
from .trainer import Trainer


def publish(trainer: Trainer, data: Data) -> None:
    """Writes the averaged weights that were kept, with what they are and how they came about.

    Raises:
        OutputError: the file can't be written.
    """
    options, kept = trainer.options, trainer.kept
    metadata: dict[str, object] = {
        "tsexpand": __version__,
        "trained_steps": trainer.step,
        "published_step": kept.step,
        "validation": kept.scores,
        "scenes": len(data.scenes),
        "options": trainer.identity,
    }
    save_weights(options.output, kept.weights, options.target, metadata, options.network)

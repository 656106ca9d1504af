"""From a finished training to a weights file."""

from .. import __version__
from ..network.weights import save_weights
from .loop import Data
from .trainer import Trainer


def publish(trainer: Trainer, data: Data) -> None:
    """Writes the averaged weights that validated best, with what they are and how they came about.

    Raises:
        OutputError: the file can't be written.
    """
    options, best = trainer.options, trainer.best
    metadata: dict[str, object] = {
        "tsexpand": __version__,
        "trained_steps": trainer.step,
        "published_step": best.step,
        "validation": best.scores,
        "scenes": len(data.scenes),
        "options": trainer.identity,
    }
    save_weights(options.output, best.weights, options.target, metadata)

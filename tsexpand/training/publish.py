"""From a finished training to a weights file."""

from pathlib import Path

from .. import __version__
from ..network.output import Parametrisation
from ..network.weights import save_weights
from .loop import Trainer


def publish(trainer: Trainer, path: Path) -> None:
    """Writes the averaged weights with what they are and how they came about.

    Raises:
        OutputError: the file can't be written.
    """
    options = trainer.options
    metadata = {
        "phase": "first",
        "steps": trainer.step,
        "batch_size": options.batch_size,
        "size": options.size,
        "learning_rate": options.learning_rate,
        "seed": options.seed,
        "tsexpand": __version__,
    }
    save_weights(path, trainer.average, Parametrisation.ABSOLUTE, metadata)

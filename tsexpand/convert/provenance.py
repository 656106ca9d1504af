"""What it takes to do a conversion again."""

from ..engines import Engine
from ..sinks.documents.provenance import Provenance
from .options import ConvertOptions


def provenance_of(options: ConvertOptions, engine: Engine, compiled: bool, notices: tuple[str, ...]) -> Provenance:
    """What it takes to do it again: the options with what was chosen where they leave it open."""
    setup = engine.setup
    crf, preset = options.delivery.encoder.crf_and_preset
    chosen = {
        "device": setup.device,
        "precision": setup.precision,
        "compile": "always" if compiled else "never",
        "crf": crf,
        "preset": preset,
    }
    return Provenance(
        command=options.command,
        options={**options.settings, **chosen},
        weights=None if setup.weights is None else {"name": setup.weights, "sha256": setup.sha256 or ""},
        engine=engine.description,
        outputs=tuple(map(str, options.outputs)),
        notices=notices,
    )

"""What it takes to do a conversion again."""

from ..compiled import Compilation
from ..engines import Engine
from ..sinks.documents.provenance import Provenance
from ..temporal.cpu_motion import CpuMotion
from .options import ConvertOptions


def provenance_of(
    options: ConvertOptions, engine: Engine, motion: CpuMotion | None, notices: tuple[str, ...]
) -> Provenance:
    """What it takes to do it again: the options with what was chosen where they leave it open."""
    setup = engine.setup
    crf, preset = options.delivery.encoder.crf_and_preset
    chosen = {
        "device": setup.device,
        "precision": setup.precision,
        "compile": _compilation(options, engine, motion),
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


def _compilation(options: ConvertOptions, engine: Engine, motion: CpuMotion | None) -> str:
    """What `--compile` would do it again; that it was left open, where of network and denoising one was compiled."""
    denoised = motion is not None if options.denoise and engine.device.type == "cpu" else None
    ran = {engine.setup.compiled, denoised} - {None}
    return Compilation.AUTO.value if len(ran) > 1 else (Compilation.ALWAYS if True in ran else Compilation.NEVER).value

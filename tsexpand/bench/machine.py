"""What a figure was measured on."""

import platform
from dataclasses import dataclass

import torch

from .. import __version__
from ..cores import settle


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, cores that this process may use, GPUs, and the versions that matter."""

    processor: str
    cores: int
    gpus: tuple[str, ...]
    system: str
    python: str
    torch: str
    tsexpand: str


def this_machine() -> Machine:
    """The machine that this runs on."""
    settle()
    return Machine(
        processor=_processor(),
        cores=torch.get_num_threads(),
        gpus=tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        torch=torch.__version__,
        tsexpand=__version__,
    )


def _processor() -> str:
    """Its name, and what matters of its capabilities."""
    known = torch.cpu.get_capabilities()
    name = str(known.get("cpu_name") or platform.processor() or platform.machine())
    found = [feature for feature in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if known.get(feature)]
    return f"{name} ({', '.join(found)})" if found else name

"""The engine that the command line asks for."""

import gc
from typing import TYPE_CHECKING, Any

import click

from ..errors import DeviceError

if TYPE_CHECKING:
    import torch

    from ..engines import Engine

DEFAULT_WEIGHTS = "baseRec_tuningStab_L1Loss"


def load_torch() -> None:
    """Imports PyTorch, which a start waits for: without looking for garbage among its objects, all of which stay."""
    collects = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
    finally:
        if collects:
            gc.enable()


def decoding_device(values: dict[str, Any]) -> "torch.device | None":
    """The device that --hwaccel means, that of the network or the first of them; None: software decodes.

    Raises:
        DeviceError: it is none that decodes.
    """
    from ..engines.devices import select_devices

    if values["hwaccel"] == "none":
        return None
    device = select_devices(values["device"])[0]
    if device.type != "cuda":
        advice = "name one with --device cuda, or leave out --hwaccel"
        raise DeviceError(f"--hwaccel cuda decodes on the network's GPU, and the network runs on {device}; {advice}")
    return device


def load_engine(values: dict[str, Any], quiet: bool) -> "Engine":
    """The network, ready on its device."""
    from ..compiled import Compilation
    from ..engines.devices import Precision, select_devices
    from ..engines.fleet import Fleet
    from ..engines.network import NetworkEngine
    from ..network.weights import load_weights

    devices = select_devices(values["device"])
    weights = load_weights(values["weights"])
    precision = Precision(values["precision"])
    engines: list[NetworkEngine] = []
    for device in devices:
        engines.append(
            NetworkEngine(
                weights,
                device,
                engines[0].precision if engines else precision,  # all alike, so that frames are
                values["tile"],
                values["reference_white"],
                Compilation(values["compilation"]),
                on_compile=_silent if quiet else _compiling,
            )
        )
    return engines[0] if len(engines) == 1 else Fleet(engines)


def _silent() -> None:
    pass


def _compiling() -> None:
    click.echo("compiling the network, which takes some seconds, once for all clips", err=True)

"""Whether denoising runs as compiled code."""

from collections.abc import Callable

from ..compiled import Compilation
from ..engines import Engine
from ..errors import DeviceError
from ..temporal.cpu_motion import CpuMotion, is_repaid, motion_code


def motion_for(
    engine: Engine, pixels: float, on_make: Callable[[], None] = lambda: None
) -> tuple[CpuMotion | None, tuple[str, ...]]:
    """Compiled code that denoises a clip on the engine's CPU, where the network is compiled, or that is repaid.

    Args:
        engine: that was told of the clip.
        pixels: of all its frames.
        on_make: told before it is made.

    Returns:
        The code, None where PyTorch's operations are to do it; and that it can't be had, a sentence each.

    Raises:
        DeviceError: it is asked for, and can't be had.
    """
    compiled = engine.setup.compiled
    if engine.compilation is Compilation.NEVER:
        return None, ()
    if engine.compilation is Compilation.AUTO and not (is_repaid(pixels) if compiled is None else compiled):
        return None, ()
    found = motion_code(on_make)
    if isinstance(found, CpuMotion):
        return found, ()
    if engine.compilation is Compilation.ALWAYS:
        raise DeviceError(f"denoising can't be compiled here: {found}; try --compile never")
    return None, (f"denoising runs uncompiled, which takes about three times as long: {found}",)

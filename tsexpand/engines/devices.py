"""Which device, in which precision, in what portions."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

import torch

from ..errors import DeviceError
from ..gpu_memory import free_memory
from ..network.architectures import Network

_GPU_TILE = 1024

_CPU_BATCH_PIXELS = 1 << 18  # tiles keep the CPU busy, larger batches only cost memory
_GPU_BATCH_PIXELS = 8 << 20
_GPU_BYTES_A_PIXEL = 2048  # of a batch: network, neighbours and what is made of them; counted, not measured
_MAX_BATCH = 8


class Precision(Enum):
    """Of the convolutions; signal, global branch, last layer and light are always float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"

    def on(self, device: torch.device) -> torch.dtype:
        """The number type; AUTO is float16 on CUDA, bfloat16 on a CPU that multiplies it, and float32 elsewhere."""
        if self is Precision.AUTO and device.type == "cuda":
            return torch.float16
        if self is Precision.AUTO:
            return torch.bfloat16 if device.type == "cpu" and _multiplies_bfloat16() else torch.float32
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[self.value]


def dtype_name(dtype: torch.dtype) -> str:
    """As people and options write it: float32."""
    return str(dtype).removeprefix("torch.")


def _multiplies_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 by itself, and compiled code of ours does so: else float32 is faster."""
    found = torch.cpu.get_capabilities()
    return any(found.get(name) for name in ("avx512_bf16", "amx_bf16"))


def exact_float32() -> None:
    """Convolutions in float32 as they are called, for the whole process, as it is a state of that.

    cuDNN's default is TensorFloat-32, which has 10 bits of mantissa.
    """
    torch.backends.cudnn.allow_tf32 = False


def available_devices() -> list[str]:
    """Names of the devices of this machine; the CPU is always first."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    mps = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *cuda, *mps]


def select_device(name: str) -> torch.device:
    """The device of that name.

    Args:
        name: "cpu", "cuda" (the first), "cuda:1", "mps", or "auto": the first CUDA device, else the CPU.

    Raises:
        DeviceError: there is no such device.
    """
    available = available_devices()
    if name == "auto":
        name = "cuda:0" if "cuda:0" in available else "cpu"
    full_name = "cuda:0" if name == "cuda" else name
    if full_name not in available:
        raise DeviceError(f"no device {name!r} here; there are: {', '.join(available)}")
    return torch.device(full_name)


def select_devices(names: str) -> list[torch.device]:
    """The devices of several names, separated by commas, each once; "all": every CUDA device.

    Raises:
        DeviceError: there is no such device, or one is named twice.
    """
    if names == "all":
        names = ",".join(name for name in available_devices() if name.startswith("cuda"))
        if not names:
            raise DeviceError("no CUDA device here; try --device cpu")
    devices = [select_device(name) for name in names.split(",")]
    if len(set(devices)) < len(devices):
        raise DeviceError(f"{names}: names a device twice; name each once")
    if len({device.type for device in devices}) > 1:
        raise DeviceError(f"{names}: devices of different kinds round differently, which would flicker; name one kind")
    return devices


def default_tile(network: Network, device: torch.device) -> int:
    """Height and width of tiles that keep the device busy in modest memory."""
    return network.cpu_tile if device.type == "cpu" else _GPU_TILE


def default_batch_size(width: int, height: int, device: torch.device) -> int:
    """Frames at a time, 1 to 8: about a quarter Mpixel on the CPU, elsewhere 8, fewer for a GPU of little memory."""
    pixels = _CPU_BATCH_PIXELS if device.type == "cpu" else _GPU_BATCH_PIXELS
    if device.type == "cuda":
        pixels = min(pixels, free_memory(device) // 2 // _GPU_BYTES_A_PIXEL)
    return max(1, min(_MAX_BATCH, pixels // (width * height)))


@contextmanager
def translated_memory(device: torch.device) -> Iterator[None]:
    """Turns what PyTorch raises when memory ends into a `DeviceError` that says what to try."""
    try:
        yield
    except RuntimeError as error:
        # On the CPU it is a plain RuntimeError of the allocator.
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise DeviceError(f"{device}: out of memory; try --batch-size 1, a smaller --tile or --no-denoise") from error

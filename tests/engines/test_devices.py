import pytest
import torch

from tsexpand.engines import devices
from tsexpand.engines.devices import (
    Precision,
    available_devices,
    default_batch_size,
    default_tile,
    select_device,
    select_devices,
)
from tsexpand.errors import DeviceError
from tsexpand.network.compactnet import CompactNet
from tsexpand.network.expandnet import ExpandNet

CPU, CUDA = torch.device("cpu"), torch.device("cuda:0")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "cuda:0", "cuda:1"])


def test_the_cpu_is_always_there() -> None:
    assert available_devices()[0] == "cpu"
    assert select_device("cpu") == CPU


@pytest.mark.parametrize(
    ("name", "device"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")]
)
def test_devices_by_name(two_gpus: None, name: str, device: str) -> None:
    assert select_device(name) == torch.device(device)


@pytest.mark.parametrize("name", ["cuda:2", "mps", "tpu", "", "cuda:", "cuda:01", "CPU"])
def test_a_missing_device_lists_what_there_is(two_gpus: None, name: str) -> None:
    with pytest.raises(DeviceError, match=f"no device '{name}' here; there are: cpu, cuda:0, cuda:1"):
        select_device(name)


@pytest.mark.parametrize(
    ("names", "devices"), [("cuda:1,cuda:0", ["cuda:1", "cuda:0"]), ("all", ["cuda:0", "cuda:1"]), ("auto", ["cuda:0"])]
)
def test_several_devices(two_gpus: None, names: str, devices: list[str]) -> None:
    assert select_devices(names) == [torch.device(name) for name in devices]


def test_a_device_is_named_once_and_all_means_gpus(two_gpus: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError, match="cuda,cuda:0: names a device twice"):
        select_devices("cuda,cuda:0")
    with pytest.raises(DeviceError, match="cpu,cuda: devices of different kinds"):
        select_devices("cpu,cuda")
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu"])
    with pytest.raises(DeviceError, match="no CUDA device here; try --device cpu"):
        select_devices("all")


def test_without_a_gpu_auto_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: ["cpu", "mps"])
    assert select_device("auto") == CPU
    with pytest.raises(DeviceError, match="no device 'cuda' here; there are: cpu, mps"):
        select_device("cuda")


@pytest.mark.parametrize(("found", "dtype"), [({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)])
def test_precision(monkeypatch: pytest.MonkeyPatch, found: dict[str, bool], dtype: torch.dtype) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert [Precision.AUTO.on(device) for device in (CPU, CUDA)] == [dtype, torch.float16]
    assert Precision.BFLOAT16.on(CUDA) == torch.bfloat16
    assert Precision("float32").on(CUDA) == torch.float32


@pytest.mark.parametrize(
    ("width", "height", "cpu", "cuda"),
    [(64, 48, 8, 8), (640, 360, 1, 8), (1280, 720, 1, 8), (1920, 1080, 1, 4), (8192, 4320, 1, 1)],
)
def test_batch_sizes(monkeypatch: pytest.MonkeyPatch, width: int, height: int, cpu: int, cuda: int) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (80 << 30, 80 << 30))
    assert default_batch_size(width, height, CPU) == cpu
    assert default_batch_size(width, height, CUDA) == cuda


def test_a_small_gpu_gets_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (16 << 30, 24 << 30))
    assert default_batch_size(1920, 1080, CUDA) == 2
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1 << 30, 4 << 30))
    assert default_batch_size(1920, 1080, CUDA) == 1


def test_tiles() -> None:
    published, compact = ExpandNet(), CompactNet()
    assert (default_tile(published, CPU), default_tile(published, CUDA)) == (192, 1024)
    assert (default_tile(compact, CPU), default_tile(compact, CUDA)) == (512, 1024)

"""Copies beside the device's work, as far as a CPU can tell: tensors that are on their way hold nonsense."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.codecs.input_clips import write_clip
from tests.network.models import random_network
from tests.test_convert import TAGS, exr_light, flat, options, video_codes
from tsexpand.convert import conversion as convert_module
from tsexpand.convert import convert
from tsexpand.engines import network as network_module
from tsexpand.engines.copies import CudaCopies, DirectCopies, arriving, copies_of, pinned, settled
from tsexpand.engines.network import NetworkEngine
from tsexpand.network.output import Parametrisation
from tsexpand.network.weights import Weights

from .pictures import noise

CPU = torch.device("cpu")


class LateCopies:
    """As on a GPU: what was copied is there only when it has been waited for."""

    ahead = 1

    def __init__(self) -> None:
        self._begun: list[tuple[Tensor, Tensor]] = []
        self.most_up = self._up = 0

    def up(self, tensors: tuple[Tensor, ...]) -> Callable[[], tuple[Tensor, ...]]:
        self._up += 1
        self.most_up = max(self.most_up, self._up)
        moved = tuple(torch.full_like(tensor, 77) for tensor in tensors)

        def arrived() -> tuple[Tensor, ...]:
            self._up -= 1
            for target, source in zip(moved, tensors, strict=True):
                target.copy_(source)
            return moved

        return arrived

    def down(self, tensor: Tensor) -> Tensor:
        result = torch.full_like(tensor, 77)
        self._begun.append((result, tensor.clone()))
        return result

    def mark(self) -> Callable[[], None]:
        begun, self._begun = self._begun, []
        return lambda: [target.copy_(source) for target, source in begun] and None


def test_a_batch_is_on_its_way_while_another_is_worked_on() -> None:
    copies, batches = LateCopies(), [noise(1, 8, 8) for _ in range(4)]
    came = []
    for batch in arriving(batches, copies):
        came.append(batch.planes)
    assert copies.most_up == 2
    for planes, batch in zip(came, batches, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(planes, batch.planes, strict=True))


def test_what_is_decoded_is_pinned_where_it_goes_to_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [noise(2, 8, 8), noise(1, 8, 8)]
    assert pinned(batches, CPU) is batches
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 0)
    for batch, given in zip(pinned(iter(batches), torch.device("cuda:0")), batches, strict=True):
        assert batch.timings == given.timings and batch.signal == given.signal
        for plane, its in zip(batch.planes, given.planes, strict=True):
            assert plane is not its and torch.equal(plane, its)


def test_what_leaves_is_whole_and_the_next_was_begun_before_it_was_waited_for() -> None:
    copies, made = LateCopies(), 0

    def work() -> Iterator[Tensor]:
        nonlocal made
        for value in range(4):
            made += 1
            yield copies.down(torch.full((2,), float(value)))

    for number, tensor in enumerate(settled(work(), copies)):
        assert tensor.tolist() == [number] * 2
        assert made == min(number + 2, 4)


def test_on_the_cpu_nothing_waits() -> None:
    copies = copies_of(CPU)
    assert isinstance(copies, DirectCopies) and copies.ahead == 0
    tensor = torch.ones(3)
    assert copies.up((tensor,))()[0] is tensor and copies.down(tensor) is tensor


class Resident:
    """A tensor that is on a GPU, where nothing can be pinned."""

    is_cuda = True

    def __init__(self) -> None:
        self.moved: list[tuple[torch.device, bool]] = []
        self.used_on: list[object] = []

    def to(self, device: torch.device, non_blocking: bool) -> "Resident":
        self.moved.append((device, non_blocking))
        return self

    def record_stream(self, stream: object) -> None:
        self.used_on.append(stream)


class Stream:
    """That remembers what it waited for."""

    def __init__(self, device: torch.device) -> None:
        self.waited_for: list[str] = []

    def record_event(self) -> str:
        return "all that was queued"

    def wait_event(self, event: str) -> None:
        self.waited_for.append(event)


def test_what_is_on_a_gpu_already_is_not_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """As planes that it has decoded."""
    device = torch.device("cuda:1")
    work = Stream(device)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: work)
    plane = Resident()
    (came,) = CudaCopies(device).up((plane,))()  # type: ignore[arg-type]
    assert came is plane and plane.moved == [(device, True)]
    assert work.waited_for == ["all that was queued"] and plane.used_on == [work]


@pytest.mark.parametrize("count", [1, 5])
def test_a_conversion_with_late_copies_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """The engine's and the sinks' copies: every place that looks at a tensor too early would see nonsense."""
    write_clip(tmp_path / "clip.mkv", [flat(40 + 12 * i) for i in range(count)], tags=TAGS)
    weights = Weights(random_network(), Parametrisation.ABSOLUTE, "test", "", {})
    light, codes = [], []
    for name in ("direct", "late"):
        if name == "late":
            copies = LateCopies()
            monkeypatch.setattr(convert_module, "copies_of", lambda device, late=copies: late)
            monkeypatch.setattr(network_module, "copies_of", lambda device: LateCopies())
        outputs = tmp_path / f"{name}.mkv", tmp_path / name
        convert(options(tmp_path / "clip.mkv", *outputs, batch_size=2), NetworkEngine(weights, CPU))
        light.append(exr_light(outputs[1]))
        codes.append(video_codes(outputs[0])[0])
    assert torch.equal(*light)
    assert (codes[0] == codes[1]).all()

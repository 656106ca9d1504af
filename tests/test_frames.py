from dataclasses import FrozenInstanceError
from fractions import Fraction

import pytest
import torch

from tsexpand.colour.codes import Primaries
from tsexpand.colour.signal import HDR10
from tsexpand.frames import LightBatch, SignalBatch, Timing, clock


def timings(count: int) -> tuple[Timing, ...]:
    return tuple(Timing(i, Fraction(1, 25)) for i in range(count))


def codes(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.uint8)


def test_seconds_are_exact() -> None:
    assert Timing(1001, Fraction(1, 30000)).seconds == Fraction(1001, 30000)
    assert Timing(-3, Fraction(1, 90000)).seconds == Fraction(-1, 30000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00.000"),
        (Fraction(125, 2), "00:01:02.500"),
        (3599.9996, "01:00:00.000"),
        (Fraction(1001, 30000), "00:00:00.033"),
        (-0.25, "-00:00:00.250"),
        (-0.0001, "00:00:00.000"),
        (100 * 3600, "100:00:00.000"),
    ],
)
def test_clock(seconds: float | Fraction, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize("planes", [(codes(2, 4, 6),), (codes(2, 4, 6), codes(2, 2, 3), codes(2, 2, 3))])
def test_signal_batches(planes: tuple[torch.Tensor, ...]) -> None:
    batch = SignalBatch(planes, HDR10, timings(2))
    assert len(batch) == 2
    assert batch.packets == ()


@pytest.mark.parametrize(
    "planes",
    [
        (),
        (codes(2, 4, 6), codes(2, 2, 3)),
        (codes(2, 4, 6),) * 4,
        (codes(3, 4, 6),),
        (codes(2, 4, 6), codes(2, 2, 3), codes(1, 2, 3)),
        (codes(4, 6),),
        (codes(2, 3, 4, 6),),
    ],
)
def test_planes_that_do_not_fit_are_refused(planes: tuple[torch.Tensor, ...]) -> None:
    with pytest.raises(ValueError, match="planes"):
        SignalBatch(planes, HDR10, timings(2))


def light(**changes: object) -> LightBatch:
    fields: dict[str, object] = {
        "light": torch.zeros(2, 3, 4, 6),
        "primaries": Primaries.BT709,
        "timings": timings(2),
        "thumbnails": torch.zeros(2, 3, 32, 32),
    }
    return LightBatch(**{**fields, **changes})  # type: ignore[arg-type]


def test_light_batches() -> None:
    assert len(light()) == 2
    assert len(light(gains=torch.zeros(2, 2))) == 2


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ("light", (1, 3, 4, 6)),
        ("light", (2, 4, 4, 6)),
        ("light", (2, 3, 4)),
        ("light", (2, 3, 4, 6, 1)),
        ("thumbnails", (1, 3, 32, 32)),
        ("thumbnails", (2, 1, 32, 32)),
        ("gains", (2,)),
        ("gains", (2, 3)),
        ("gains", (1, 2)),
    ],
)
def test_light_that_does_not_fit_is_refused(field: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=field):
        light(**{field: torch.zeros(shape)})


def test_batches_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        light().primaries = Primaries.BT2020  # type: ignore[misc]

"""The picture is made in strips, which do not show."""

from dataclasses import replace

import pytest
import torch

from tsexpand import cores
from tsexpand.colour.codes import ChromaLocation, Matrix, SignalRange, Transfer
from tsexpand.colour.shown import shown_signal
from tsexpand.colour.transfer import bt1886_inverse_eotf, gamma22_eotf
from tsexpand.engines.display import display_signal

from .pictures import batch_of, frame_of, noise, signal_format

CPU = torch.device("cpu")


@pytest.mark.parametrize("factors", [(2, 2), (1, 2), (1, 4), (4, 4), (2, 1), (1, 1), None])
@pytest.mark.parametrize("size", [(61, 40), (66, 37), (64, 48), (26, 22), (17, 13)])
def test_strips_of_any_chroma(
    factors: tuple[int, int] | None, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = noise(2, *size, factors=factors)
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 4 * size[1] // 2)  # of 4 rows
    torch.testing.assert_close(display_signal(batch, CPU), shown_signal(batch.planes, batch.signal), atol=1e-6, rtol=0)


@pytest.mark.parametrize("location", ChromaLocation)
@pytest.mark.parametrize(("bits", "factor"), [(8, 2), (10, 2), (8, 4)])
def test_strips_wherever_chroma_lies(
    location: ChromaLocation, bits: int, factor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = noise(2, 61, 47, factors=(factor, factor), bits=bits)
    batch = replace(batch, signal=replace(batch.signal, chroma_location=location))
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 1)
    torch.testing.assert_close(display_signal(batch, CPU), shown_signal(batch.planes, batch.signal), atol=1e-6, rtol=0)


@pytest.mark.parametrize("transfer", [Transfer.BT709, Transfer.SRGB])
def test_a_picture_is_the_same_in_any_batch(transfer: Transfer, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = noise(2, 61, 47)
    batch = replace(batch, signal=replace(batch.signal, transfer=transfer))
    alone = [frame_of(batch, index) for index in range(2)]
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 600)
    with cores.one_core():
        assert torch.equal(display_signal(batch, CPU), torch.cat([display_signal(one, CPU) for one in alone]))


def test_strips_of_another_display(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = torch.randint(0, 256, (1, 50, 32), generator=torch.Generator().manual_seed(0))
    batch = batch_of((codes,) * 3, signal_format(8, SignalRange.FULL, Matrix.IDENTITY, Transfer.GAMMA22))
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 1)
    expected = bt1886_inverse_eotf(gamma22_eotf(codes / 255)).unsqueeze(1).expand(-1, 3, -1, -1)
    torch.testing.assert_close(display_signal(batch, CPU), expected, atol=1e-5, rtol=1e-5)

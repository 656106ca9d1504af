from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.temporal.clips import batched, clip, light_of, most_alive, picture
from tsexpand import cores
from tsexpand.colour.transfer import pq_inverse_eotf
from tsexpand.frames import LightBatch
from tsexpand.temporal.denoising import NOISE, REACH, denoise


def denoised(whole: LightBatch, size: int = 4) -> Tensor:
    return light_of(denoise(batched(whole, size)))


def noisy(signal: Tensor, codes: float, seed: int = 3) -> LightBatch:
    """An SDR clip (N, 3, H, W) with noise of so many 8-bit codes, different in every frame."""
    noise = torch.randn(signal.shape, generator=torch.Generator().manual_seed(seed))
    return clip((signal + codes / 255 * noise).clamp(0, 1))


def error(light: Tensor, signal: Tensor) -> float:
    """Root mean square, PQ, of what is shown against what should be."""
    return float((pq_inverse_eotf(light) - pq_inverse_eotf(203 * signal**2.4)).square().mean().sqrt())


def pan(seed: int, frames: int, step: int = 3) -> Tensor:
    wide = picture(seed, size=(72, 96 + step * frames))
    return torch.stack([wide[:, :, x : x + 96] for x in range(0, step * frames, step)])


CODE = 1 / 876
"""PQ signal of a code of 10-bit limited range."""

STILL = picture(1, size=(72, 96)).expand(8, -1, -1, -1)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("size", [(24, 32), (135, 641)])
def test_a_static_clip_is_unchanged_to_the_last_bit(count: int, size: tuple[int, int]) -> None:
    still = picture(1, size).clone()
    still[:, 7:19, 5:20] = 0.9  # hard edges
    whole = clip(still.expand(count, -1, -1, -1), light=(203 * still**2.4).expand(count, -1, -1, -1))
    assert torch.equal(denoised(whole), whole.light)


@pytest.mark.parametrize("signal", [STILL, pan(5, 8)], ids=["still", "pan"])
def test_noise_of_compression_is_averaged_out(signal: Tensor) -> None:
    whole = noisy(signal, 0.7)
    after = denoised(whole)
    assert error(after[1:-1], signal[1:-1]) < 0.7 * error(whole.light[1:-1], signal[1:-1])
    before, left = whole.light.diff(dim=0).abs().mean(), after.diff(dim=0).abs().mean()
    assert left < before


def test_strong_grain_stays() -> None:
    whole = noisy(STILL, 10)
    assert error(denoised(whole), STILL) > 0.9 * error(whole.light, STILL)


def textured_pan(step: float, codes: float, period: float = 4.0) -> tuple[LightBatch, Tensor]:
    """Fine faint texture of so many 8-bit codes on soft shapes that move by `step` pixels a frame; and the texture."""
    x, y = torch.arange(160.0) + step * torch.arange(5.0).view(-1, 1, 1), torch.arange(96.0).view(1, -1, 1)
    soft = 0.45 + 0.1 * torch.sin(x / 17) * torch.sin(y / 13) + 0.05 * torch.sin(x / 9 + y / 7)
    texture = codes / 255 * torch.sin(2 * torch.pi * x / period) * torch.cos(2 * torch.pi * y / 11)
    return clip((soft + texture).unsqueeze(1).expand(-1, 3, -1, -1)), texture


@pytest.mark.parametrize("step", [0.5, 1.5, 3.0])
@pytest.mark.parametrize("codes", [1, 4])
def test_faint_texture_that_moves_stays(step: float, codes: float) -> None:
    whole, texture = textured_pan(step, codes)
    signal = (denoised(whole) / 203) ** (1 / 2.4)
    before = (whole.light / 203) ** (1 / 2.4)
    inner = (2, 0, slice(16, -16), slice(16, -16))
    kept = 1 + ((signal - before)[inner] * texture[2, 16:-16, 16:-16]).sum() / texture[2, 16:-16, 16:-16].square().sum()
    assert 0.9 < kept < 1.1


def test_no_pixel_moves_further_than_noise_reaches() -> None:
    whole = noisy(pan(2, 8), 4)
    change = pq_inverse_eotf(denoised(whole)) - pq_inverse_eotf(whole.light)
    assert change.abs().max() < 3.5 * NOISE


def test_a_glint_keeps_its_light_and_changes_nothing_else() -> None:
    signal = picture(1, size=(192, 256)).clamp(0.2, 0.8).repeat(6, 1, 1, 1)
    signal[::2, :, 96:98, 128:130] = 1.0
    whole = clip(signal)
    after = denoised(whole)
    assert torch.allclose(after[::2, :, 96:98, 128:130], whole.light[::2, :, 96:98, 128:130], rtol=0.05)
    changed = ((after - whole.light).abs() / whole.light).amax((0, 1))
    assert changed.max() < 0.05
    changed[48:146, 80:178] = 0
    assert changed.max() < 0.006  # half a code of 10 bit: large windows that motion is found in have seen it


def test_a_spark_in_one_frame_is_not_dimmed() -> None:
    signal = STILL.clone()
    signal[4, :, 20, 20] = 1.0
    whole = clip(signal)
    torch.testing.assert_close(denoised(whole)[4, :, 20, 20], whole.light[4, :, 20, 20], rtol=0.01, atol=0)


@pytest.mark.parametrize("frames", [10, 25, 50, 100])
def test_a_fade_stays_monotonic(frames: int) -> None:
    fade = torch.linspace(0, 1, frames).view(-1, 1, 1, 1) * picture(4)
    up = denoised(clip(fade), size=7)
    assert up[0].max() == 0
    assert up.mean((1, 2, 3)).diff().min() > 0
    # Of single pixels near black, where a step of the fade is as large as noise, no more than can be seen.
    assert pq_inverse_eotf(up).diff(dim=0).min() > -2.5 * CODE
    assert pq_inverse_eotf(denoised(clip(fade.flip(0)))).diff(dim=0).max() < 2.5 * CODE


def test_the_cut_is_where_it_was_and_shots_do_not_mix() -> None:
    one, other = (noisy(picture(seed).expand(n, -1, -1, -1), 1) for seed, n in ((1, 5), (2, 6)))
    both = clip(torch.stack([picture(1)] * 5 + [picture(2)] * 6), light=torch.cat((one.light, other.light)))
    assert torch.equal(denoised(both), torch.cat((denoised(one), denoised(other))))


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_batch_size_does_not_matter(size: int) -> None:
    whole = noisy(pan(6, 9), 1)
    given = list(batched(whole, size))
    returned = list(denoise(given))
    assert torch.equal(light_of(returned), denoised(whole, 4))
    assert [b.timings for b in returned] == [b.timings for b in given]
    assert [b.packets for b in returned] == [b.packets for b in given]


@pytest.mark.parametrize("size", [(1, 1), (1, 37), (37, 1), (61, 45)])
def test_strips_do_not_show(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = noisy(torch.stack([picture(3, size)] * 6), 1)
    expected = denoised(whole)
    monkeypatch.setattr(cores, "_STRIP_PIXELS", 1)
    # What is left over of a vector is rounded otherwise, by far less than a seam would show.
    torch.testing.assert_close(denoised(whole), expected, rtol=1e-4, atol=1e-6)


def test_black_stays_black_and_bars_are_not_lit() -> None:
    signal = pan(3, 6).clone()
    signal[:, :, :12] = signal[:, :, -12:] = 0
    after = denoised(clip(signal))
    assert after[:, :, :12].max() == 0 and after[:, :, -12:].max() == 0


def test_light_above_what_pq_can_say_stays() -> None:
    light = torch.full((3, 3, 24, 32), 30000.0)
    assert torch.equal(denoised(clip(torch.ones(3, 3, 24, 32), light=light)), light)


def test_light_above_what_pq_can_say_stays_beside_what_changes() -> None:
    whole = noisy(pan(5, 6), 1)
    light = whole.light.clone()
    light[:, :, 20:40, 30:60] = torch.rand(6, 3, 20, 30, generator=torch.Generator().manual_seed(0)) * 2e4 + 1e4
    after = denoised(replace(whole, light=light))
    assert torch.equal(after[:, :, 20:40, 30:60], light[:, :, 20:40, 30:60])
    assert not torch.equal(after, light)


def test_pictures_are_let_go_of() -> None:
    assert most_alive(denoise) == REACH + 1  # those that it waits with, and no copies of them
    assert most_alive(denoise, 3) == 1  # of which it keeps copies, not to keep the batches


def test_relative_light_is_refused() -> None:
    whole = clip(picture(1).unsqueeze(0), gains=torch.tensor([[7.0, 0.5]]))
    with pytest.raises(ValueError, match="anchor it first"):
        list(denoise([whole]))
